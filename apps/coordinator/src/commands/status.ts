import { methodInWords } from '../search-settings.ts';
import { describeEnd, describeStop } from '../stop-words.ts';
import { formatDuration, formatTable } from '@blockpruner/telemetry';
import {
  calibrationRowCount,
  encodeJson,
  isGone,
  readRun,
  type DenseRecord,
  type RunView,
} from '@blockpruner/journal';

/** What `status` and `list` say of a run: finished, running, or stopped and resumable. */
export function stateOf(view: RunView): 'finished' | 'running' | 'stopped' {
  if (view.finished) return 'finished';
  return view.owner && !isGone(view.owner) ? 'running' : 'stopped';
}

/** `blockpruner status RUN`: where a run stands, read from its folder alone. */
export async function status(run: string, json: boolean, print: (text: string) => void): Promise<void> {
  const view = await readRun(run);
  const state = stateOf(view);
  if (json) {
    const { runId, config, configHash, createdAt, dense, decisions, stopped, cellCount } = view;
    print(
      encodeJson({
        folder: run,
        runId,
        state,
        createdAt,
        configHash,
        config,
        dense: dense ?? null,
        decisions,
        stopped: stopped ?? null,
        cellCount,
      }),
    );
    return;
  }
  const { config, dense, decisions, stopped } = view;
  const { keep, startMask, objective } = config;
  const lines = [
    `run        ${run}`,
    `state      ${state}${state === 'stopped' ? `; go on with: blockpruner resume ${run}` : ''}`,
    `created    ${view.createdAt}`,
    `id         ${view.runId}, in logs and metrics`,
    `search     ${methodInWords(config)}, ${config.blockType}${objective ? ` by ${objective}` : ''}, until ${describeStop(config.stop)}; ${rowsInWords(config)}`,
    `dense      ${dense ? describeScore(dense) : 'not scored yet'}`,
    ...(keep ? [`kept       ${keep}`] : []),
    ...(startMask ? [`start      ${startMask}${dense?.start ? `: ${describeScore(dense.start)}` : ''}`] : []),
    ...(stopped ? [`ended      ${describeEnd(config.stop, stopped)}`] : []),
    `decisions  ${decisions.length}, cells ${view.cellCount}`,
  ];
  if (decisions.length > 0) {
    const table = formatTable(decisions, [
      { title: 'iteration', value: (decision) => decision.iteration },
      { title: 'removed', value: (decision) => decision.removed },
      { title: 'score', value: (decision) => decision.score.toFixed(6), align: 'right' },
      { title: 'perplexity', value: (decision) => decision.perplexity.toFixed(4), align: 'right' },
      ...(config.heldOutRowCount ? [heldOutColumn] : []),
      { title: 'ratio', value: (decision) => `${(100 * decision.ratio).toFixed(2)} %`, align: 'right' },
      { title: 'time', value: (decision) => formatDuration(decision.seconds), align: 'right' },
      { title: 'retries', value: (decision) => decision.retries },
    ]);
    lines.push('', table);
  }
  print(lines.join('\n'));
}

const heldOutColumn = {
  title: 'held-out',
  value: ({ heldOut }: RunView['decisions'][number]) => heldOut?.perplexity.toFixed(4) ?? '',
  align: 'right' as const,
};

function describeScore({
  score,
  perplexity,
  heldOut,
}: Pick<DenseRecord, 'score' | 'perplexity' | 'heldOut'>): string {
  const beside = heldOut ? `, held-out perplexity ${heldOut.perplexity.toFixed(4)}` : '';
  return `score ${score.toFixed(6)}, perplexity ${perplexity.toFixed(4)}${beside}`;
}

function rowsInWords(config: RunView['config']): string {
  const { sets, heldOutRowCount } = config;
  const heldOut = heldOutRowCount ? `, and ${heldOutRowCount} held-out ones` : '';
  return `${calibrationRowCount(config)} rows${sets ? ` in ${sets.length} sets` : ''}${heldOut}`;
}
