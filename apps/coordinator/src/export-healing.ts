import { availableParallelism } from 'node:os';
import { formatBlock, type Healing } from '@blockpruner/blocks';
import { calibrationRowCount, type RunView } from '@blockpruner/journal';
import { perplexityOf } from '@blockpruner/perplexity';
import type { Console } from './console.ts';
import type { SizeOfRun } from './model-reference.ts';
import { ModelProcess } from './model-process.ts';
import { removalOrderOf } from './removal-lists.ts';
import { withProcesses } from './running-model.ts';
import { UsageError } from './usage-error.ts';

/** Factors in the place of removed blocks, and what they do on rows that they were not measured on. */
export interface MeasuredHealing {
  readonly healing: Healing;
  readonly otherRows: readonly Int32Array[];
  /** Nats on the other rows, with the blocks left out. */
  readonly without: number;
  /** Nats on the other rows, with factors in their place. */
  readonly healed: number;
}

/**
 * Measures on the calibration rows of a run by what the residual stream is multiplied in the place of its removed blocks
 * (Prune&Comp, arXiv 2507.18212), and scores the held-out rows with and without; of a run without such rows, the second
 * half of its calibration rows is not measured on but scored.
 * @throws UsageError when a run has but one row
 */
export async function measureHealing(
  of: SizeOfRun,
  rows: readonly Int32Array[],
  model: { readonly modelPath: string; readonly cacheFolder: string; readonly threads?: number },
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<MeasuredHealing> {
  const [measured, otherRows] = partRows(of.view, rows);
  const order = removalOrderOf(of);
  const process = new ModelProcess();
  return withProcesses([process], async () => {
    await process.ask('load', {
      mask: of.size.mask,
      device: 'cpu',
      dtype: 'fp32',
      ...model,
      threads: model.threads ?? availableParallelism(),
    });
    let done = 0;
    const title = 'measuring what removed blocks did to the residual stream (blocks)';
    const { healing, scores } = await process.ask(
      'heal',
      { order, rows: measured, scoredRows: otherRows },
      ({ block, factor }) => {
        progress.update({ title, done: ++done, total: order.length });
        if (done === order.length) progress.update({ title: 'scoring the other rows', done: 0, total: 2 });
        logger.debug({ block: formatBlock(block), factor }, 'factor measured');
      },
    );
    progress.clear();
    const { without, healed } = scores!;
    const line = `on ${otherRows.length} rows that it was not measured on, healing takes the score from ${without.toFixed(6)} to ${healed.toFixed(6)} nats, perplexity ${perplexityOf(without).toFixed(4)} to ${perplexityOf(healed).toFixed(4)}`;
    if (healed < without) logger.info({ without, healed }, line);
    else logger.warn({ without, healed }, `${line}: it does not help here, leave out --heal`);
    return { healing, otherRows, without, healed };
  });
}

function partRows({ path, config }: RunView, rows: readonly Int32Array[]): [Int32Array[], Int32Array[]] {
  const count = calibrationRowCount(config);
  const measured = count < rows.length ? count : Math.ceil(count / 2);
  if (measured === rows.length) {
    throw new UsageError(
      `--heal shows what it does on rows that it was not measured on, and ${path} has one row: leave --heal out, or search with more rows`,
    );
  }
  return [rows.slice(0, measured), rows.slice(measured)];
}
