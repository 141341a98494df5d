import { formatMask, type Mask } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { CellTable, type RowSet, type Score } from '@blockpruner/perplexity';
import type { Console } from './console.ts';
import { onInterrupt } from './interrupt.ts';
import type { Monitoring } from './monitoring.ts';
import { nameClasses } from './numeric-class.ts';
import { newRunId, RunningFleet } from './running-fleet.ts';
import { RunError } from './usage-error.ts';
import { longestRowTokens, planWorkers, type WorkerSettings } from './worker-plan.ts';

/** What is scored, on what, and by whom. */
export interface Scoring {
  readonly checkpoint: Checkpoint;
  readonly masks: readonly Mask[];
  readonly rows: readonly Int32Array[];
  /** One set of all rows where absent. */
  readonly sets?: readonly RowSet[];
  readonly workers: WorkerSettings;
  readonly cacheFolder: string;
}

/**
 * Scores masks of a model on rows, with workers that are started for it and end with it.
 * @throws RunError naming the first row without a finite score
 */
export async function scoreMasks(
  { checkpoint, masks, rows, sets, workers, cacheFolder }: Scoring,
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
  { metrics, readiness }: Monitoring,
): Promise<Score[]> {
  const rowTokens = rows.map((row) => row.length);
  const cells = new CellTable(rowTokens, sets);
  const classes = new Set<string>();
  const fleet = await RunningFleet.listen({
    runId: newRunId(),
    checkpoint,
    rows,
    plan: planWorkers(workers, checkpoint.shape, longestRowTokens(rows)),
    cacheFolder,
    logger,
    progress,
    onCells: (arrived, { numericClass }) => {
      for (const cell of arrived) cells.add(cell);
      classes.add(numericClass);
    },
    onCorrected: (corrected) => {
      for (const cell of corrected) cells.replace(cell);
    },
    onNote: () => undefined,
    metrics,
  });
  const restoreSignals = onInterrupt((reason) => fleet.driver.fail(reason));
  const scores: Score[] = [];
  try {
    fleet.start();
    readiness.ready();
    for (const mask of masks) {
      const sweep = { base: mask, candidates: [], baseline: true };
      await fleet.evaluate(sweep, [...rows.keys()], cells, `scoring ${formatMask(mask)}`);
      scores.push(finiteScore(cells, mask));
    }
  } finally {
    restoreSignals();
    await fleet.stop(scores.length === masks.length);
  }
  if (classes.size > 1) logger.warn(`the scores used ${nameClasses([...classes])}`);
  return scores;
}

function finiteScore(cells: CellTable, mask: Mask): Score {
  const result = cells.score(mask, null);
  if (!result) throw new Error(`the score of ${formatMask(mask)} is incomplete`);
  const badRow = result.rows.findIndex((mean) => !Number.isFinite(mean));
  if (badRow >= 0) {
    throw new RunError(
      `the score of ${formatMask(mask)} is ${result.rows[badRow]} on row ${badRow}: the model computes no number there; check the checkpoint and the row`,
    );
  }
  return result;
}
