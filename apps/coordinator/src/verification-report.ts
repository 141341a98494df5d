import { DENSE, formatBlock, formatMask, makeMask } from '@blockpruner/blocks';
import { encodeJson } from '@blockpruner/journal';
import type { Finding, SearchProblem } from '@blockpruner/search';
import { formatTable } from '@blockpruner/telemetry';
import { rankingUnit } from './objective-unit.ts';

/** An iteration that agrees removed what the exhaustive search removes there. */
export function agrees({ removed, best }: Finding): boolean {
  return removed === best;
}

/**
 * What `verify` prints: a table for people with the sum of it as the last line, or JSON.
 * @param removed every block of the run in the order of its decisions
 * @param findings of the iterations that were verified; at least one
 */
export function verificationReport(
  findings: readonly Finding[],
  { start = DENSE, objective }: Pick<SearchProblem, 'start' | 'objective'>,
  removed: readonly number[],
  folder: string,
  json: boolean,
): string {
  const agreeing = findings.filter(agrees).length;
  const largestRegretNats = Math.max(...findings.map(({ regretNats }) => regretNats));
  if (json) {
    const iterations = findings.map((finding) => ({
      iteration: finding.iteration,
      mask: formatMask(makeMask([...start, ...removed.slice(0, finding.iteration - 1)])),
      removed: formatBlock(finding.removed),
      score: finding.score,
      best: formatBlock(finding.best),
      bestScore: finding.bestScore,
      regretNats: finding.regretNats,
    }));
    return encodeJson({ iterations, verified: findings.length, agreeing, largestRegretNats, folder });
  }
  const table = formatTable(findings, [
    { title: 'iteration', value: ({ iteration }) => iteration },
    { title: 'removed', value: (finding) => formatBlock(finding.removed) },
    { title: 'score', value: ({ score }) => score.toFixed(6), align: 'right' },
    { title: 'exhaustive', value: ({ best }) => formatBlock(best) },
    { title: 'its score', value: ({ bestScore }) => bestScore.toFixed(6), align: 'right' },
    { title: 'regret', value: ({ regretNats }) => formatRegret(regretNats), align: 'right' },
    { title: '', value: (finding) => (agrees(finding) ? '' : 'differs') },
  ]);
  return [
    table,
    '',
    `${agreeing} of ${findings.length} iterations agree; largest regret ${formatRegret(largestRegretNats)} ${rankingUnit(objective)}`,
  ].join('\n');
}

function formatRegret(nats: number): string {
  return nats === 0 ? '0' : nats.toExponential(2);
}
