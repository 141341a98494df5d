import { availableParallelism } from 'node:os';
import { DENSE } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import type { PrunedModel } from '@blockpruner/export';
import { makeScratchFolder, removeAbandonedScratch } from '@blockpruner/file-lock';
import { scoreOf } from '@blockpruner/perplexity';
import type { Console } from './console.ts';
import type { MeasuredHealing } from './export-healing.ts';
import type { ExportFormat } from './export-request.ts';
import { toleranceNats } from './export-tolerance.ts';
import { bytesProgress } from './locate-inputs.ts';
import { ModelProcess } from './model-process.ts';
import { openMonitoring, planMonitoring } from './monitoring.ts';
import { withProcesses } from './running-model.ts';
import { scoreMasks } from './score-masks.ts';
import { RunError } from './usage-error.ts';
import type { WorkerSettings } from './worker-plan.ts';

const CHECK_ROWS = 4;
const CHECK_TOKENS = 256;
/** In the cache folder: what a quantized export is decoded to while it is scored. */
const SCRATCH = 'check';

/** An export that was written and has no name yet, and what it must agree with. */
export interface ExportToCheck {
  /** Where it is now. */
  readonly path: string;
  readonly model: PrunedModel;
  readonly format: Exclude<ExportFormat, { to: 'mask' }>;
  /** Of the run. */
  readonly rows: readonly Int32Array[];
  /** What the engine has scored on other rows, where the model is healed. */
  readonly healed: MeasuredHealing | null;
  readonly workers: WorkerSettings;
  readonly cacheFolder: string;
}

/** What the check has seen. */
export interface CheckedExport {
  readonly rows: number;
  /** What computed the export's scores, and what they are compared with, in words. */
  readonly by: string;
  readonly against: string;
  /** Largest difference of the mean negative log-likelihood of a row. */
  readonly differenceNats: number;
}

/**
 * Scores an export on the first rows of its run, a graph by running that very graph, and its source without the same
 * blocks.
 * @throws RunError naming the row that differs most, when it does by more than the dtype explains
 */
export async function checkExport(exported: ExportToCheck, console: Console): Promise<CheckedExport> {
  const { path, model, format, healed, workers, cacheFolder } = exported;
  const rows = healed ? healed.otherRows : shortened(exported.rows);
  const by = format.to === 'onnx' ? 'its own graph' : 'our engine';
  const scores =
    format.to === 'onnx'
      ? await scoreGraph({ path, rows, workers, cacheFolder }, console)
      : await scoreFiles({ path, rows, workers, cacheFolder }, console);
  const tolerance = toleranceNats(format, model.source, healed !== null);
  if (healed) {
    const against = 'the source with factors in the place of the same blocks';
    const expected = { against, scores: [healed.healed] };
    const compared = compareScores(expected, { by, scores: [scoreOf(scores)] }, path, tolerance);
    return { ...compared, rows: rows.length };
  }
  const masks = [model.mask];
  const expected = {
    against: 'the source without the same blocks',
    scores: await scoreOne({ checkpoint: model.source, masks, rows, workers, cacheFolder }, console),
  };
  return compareScores(expected, { by, scores }, path, tolerance);
}

/** What checks that were killed have left in the cache folder goes; it may be as large as a model in fp32. */
export function removeAbandonedChecks(cacheFolder: string): Promise<void> {
  return removeAbandonedScratch(cacheFolder, SCRATCH);
}

function shortened(rows: readonly Int32Array[]): Int32Array[] {
  return rows.slice(0, CHECK_ROWS).map((row) => row.subarray(0, CHECK_TOKENS));
}

async function scoreOne(
  scoring: Parameters<typeof scoreMasks>[0],
  console: Console,
): Promise<readonly number[]> {
  const monitoring = await openMonitoring(planMonitoring({}), console);
  const [{ rows }] = await scoreMasks(scoring, console, monitoring);
  return rows;
}

/** By the export as our own reader opens it. What a quantized one is decoded to is removed again. */
async function scoreFiles(
  { path, rows, workers, cacheFolder }: Pick<ExportToCheck, 'path' | 'rows' | 'workers' | 'cacheFolder'>,
  console: Console,
): Promise<readonly number[]> {
  const scratch = await makeScratchFolder(cacheFolder, SCRATCH);
  try {
    const onProgress = bytesProgress(console.progress);
    const checkpoint = await openCheckpoint(path, { cacheFolder: scratch.path, onProgress });
    return await scoreOne({ checkpoint, masks: [DENSE], rows, workers, cacheFolder: scratch.path }, console);
  } finally {
    await scratch.remove();
  }
}

async function scoreGraph(
  { path, rows, workers, cacheFolder }: Pick<ExportToCheck, 'path' | 'rows' | 'workers' | 'cacheFolder'>,
  { progress }: Pick<Console, 'progress'>,
): Promise<readonly number[]> {
  const { threads = availableParallelism() } = workers;
  const process = new ModelProcess();
  const scores: number[] = [];
  const show = (): void =>
    progress.update({ title: 'scoring by its own graph (rows)', done: scores.length, total: rows.length });
  return withProcesses([process], async () => {
    const load = {
      modelPath: path,
      mask: DENSE,
      cacheFolder,
      device: 'cpu',
      dtype: 'auto',
      threads,
    } as const;
    show();
    await process.ask('load', load);
    for (const row of rows) {
      scores.push(...(await process.ask('score', { rows: [row], with: 'graph' })).rowNats);
      show();
    }
    progress.clear();
    return scores;
  });
}

/**
 * @param expected mean negative log-likelihood of each row, or of all, by the source
 * @param found the same by the export
 * @throws RunError naming the row that differs most, when it does by more than `tolerance` nats
 */
export function compareScores(
  { against, scores: expected }: { readonly against: string; readonly scores: readonly number[] },
  { by, scores }: { readonly by: string; readonly scores: readonly number[] },
  path: string,
  tolerance: number,
): CheckedExport {
  // A score that is not a number differs most.
  const differences = expected.map((score, row) => Math.abs(score - scores[row]));
  const ranks = differences.map((difference) => (Number.isNaN(difference) ? Infinity : difference));
  const worst = ranks.indexOf(Math.max(...ranks));
  const differenceNats = ranks[worst];
  if (differenceNats <= tolerance) return { rows: scores.length, by, against, differenceNats };
  const what = expected.length === 1 ? 'it' : `row ${worst}`;
  throw new RunError(
    `${path} does not compute what the search did: ${what} scores ${scores[worst]} nats, ${against} ${expected[worst]}, and ${tolerance} may be between them; it stays there without its name; --no-check takes it as it is`,
  );
}
