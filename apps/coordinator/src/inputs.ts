import { resolve } from 'node:path';
import { loadCalibration, type CalibrationSet } from '@blockpruner/calibration';
import { findNonFinite, openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import type { Logger, ProgressDisplay } from '@blockpruner/telemetry';
import { RunError } from './usage-error.ts';

/**
 * Opens a model and reads every weight once, so that a bad one ends the command before anything is written.
 * @throws CheckpointError for a file that cannot be used; RunError naming the first non-finite weight
 */
export async function openModel(
  path: string,
  cacheFolder: string,
  logger: Logger,
  progress: ProgressDisplay,
): Promise<Checkpoint> {
  const report = (doneBytes: number, totalBytes: number, what: string): void =>
    progress.update({ title: `${what} (MiB)`, done: mib(doneBytes), total: mib(totalBytes) });
  const checkpoint = await openCheckpoint(resolve(path), {
    cacheFolder: resolve(cacheFolder),
    onProgress: report,
  });
  const bad = await findNonFinite(checkpoint, (done, total) => report(done, total, 'checking the weights'));
  progress.clear();
  if (bad) {
    throw new RunError(
      `${bad.block ?? 'the model'} holds a weight that is ${bad.value}: element ${bad.element} of ${bad.tensor}; the checkpoint is damaged, fetch it again`,
    );
  }
  const { shape, modelType, format, fingerprint } = checkpoint;
  logger.info(
    {
      model: checkpoint.sourcePath,
      format,
      modelType,
      layers: shape.layerCount,
      parameters: shape.totalParameters,
      fingerprint,
    },
    'model opened',
  );
  if (checkpoint.tokenizerNote !== null) logger.warn(checkpoint.tokenizerNote);
  return checkpoint;
}

export interface CalibrationChoice {
  readonly path: string;
  readonly rowCount: number;
  readonly rowTokens: number;
  readonly seed: number;
}

/** @throws CalibrationError for a file that cannot be used */
export async function openCalibration(
  choice: CalibrationChoice,
  checkpoint: Checkpoint,
  logger: Logger,
): Promise<CalibrationSet> {
  const set = await loadCalibration({
    ...choice,
    path: resolve(choice.path),
    tokenizerFolder: checkpoint.folder,
    vocabSize: checkpoint.shape.vocabSize,
  });
  for (const note of set.notes) logger.warn(note);
  const longest = Math.max(...set.rows.map((row) => row.length));
  if (longest > checkpoint.maxPositionTokens) {
    logger.warn(
      { longestRowTokens: longest, maxPositionTokens: checkpoint.maxPositionTokens },
      'rows are longer than the model was made for; its scores there mean little',
    );
  }
  logger.info(
    {
      calibration: choice.path,
      source: set.source,
      rows: set.rows.length,
      availableRows: set.availableRows,
      tokens: set.rows.reduce((sum, row) => sum + row.length, 0),
      contentHash: set.contentHash,
    },
    'calibration rows ready',
  );
  return set;
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
