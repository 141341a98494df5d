import { encodeJson, type RunResult } from '@blockpruner/journal';
import { heldOutLines } from './over-fitting.ts';
import { disagreementLine } from './set-disagreement.ts';
import { methodInWords } from './search-settings.ts';
import { describeEnd } from './stop-words.ts';
import { shortPath } from './short-path.ts';
import { formatCount, formatTable } from '@blockpruner/telemetry';

/** What a finished run prints: a table for people, or JSON. */
export function resultReport(result: RunResult, folder: string, json: boolean): string {
  if (json) return encodeJson({ ...result, folder });
  const dense = { iteration: 0, removed: '(dense)', ...result.dense, runnerUp: null, margin: null };
  const { start, startMask } = result;
  const started = start ? [{ ...dense, removed: '(start)', ...start }] : [];
  const table = formatTable(
    [dense, ...started, ...result.decisions],
    [
      { title: 'iteration', value: (line) => line.iteration },
      { title: 'removed', value: (line) => line.removed },
      { title: 'score', value: (line) => line.score.toFixed(6), align: 'right' },
      { title: 'perplexity', value: (line) => line.perplexity.toFixed(4), align: 'right' },
      ...(result.heldOutRowCount ? [heldOutColumn] : []),
      { title: 'delta', value: (line) => signed(line.score - result.dense.score), align: 'right' },
      { title: 'runner-up', value: (line) => line.runnerUp ?? '' },
      { title: 'margin', value: (line) => line.margin?.toExponential(2) ?? '', align: 'right' },
    ],
  );
  const count = result.decisions.length;
  const disagreement = disagreementLine(result.decisions);
  const share = (100 * result.ratio).toFixed(2);
  const beside = startMask === undefined ? '' : ` beside the start mask ${startMask}`;
  return [
    table,
    '',
    ...(result.stopped ? [describeEnd(result.stop, result.stopped)] : []),
    `removed ${count} block${count === 1 ? '' : 's'}${beside} by ${result.search === 'race' ? 'a' : 'an'} ${methodInWords(result)}, ${formatCount(result.parametersRemoved)} of ${formatCount(result.totalParameters)} parameters (ratio ${result.ratio.toFixed(6)}, ${share} %)`,
    ...(disagreement === null ? [] : [disagreement]),
    ...heldOutLines(result),
    `run folder: ${shortPath(folder)}`,
  ].join('\n');
}

/** Perplexity on the held-out rows. */
const heldOutColumn = {
  title: 'held-out',
  value: ({ heldOut }: RunResult['dense']) => Number(heldOut?.perplexity).toFixed(4),
  align: 'right' as const,
};

function signed(nats: number): string {
  return `${nats < 0 ? '' : '+'}${nats.toFixed(6)}`;
}
