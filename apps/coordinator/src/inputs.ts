import { resolve } from 'node:path';
import type { ModelShape } from '@blockpruner/blocks';
import { loadCalibration, type CalibrationSet } from '@blockpruner/calibration';
import { findNonFinite, openCheckpoint, readTokenizerFiles, type Checkpoint } from '@blockpruner/checkpoint';
import type { Logger, ProgressDisplay } from '@blockpruner/telemetry';
import type { Console } from './console.ts';
import { bytesProgress, locateCalibration, locateModel, type LocatedModel } from './locate-inputs.ts';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import type { ROW_SETTINGS } from './setting.ts';
import { RunError } from './usage-error.ts';
import { longestRowTokens } from './worker-plan.ts';

/** A model that was found, opened and checked. */
export interface OpenedModel extends LocatedModel {
  readonly checkpoint: Checkpoint;
}

/**
 * Opens a model and reads every weight once, so that a bad one ends the command before anything is written.
 * @param onShape is told the sizes of the model before its weights are read, and may refuse them
 * @throws HubError, CheckpointError for a model that cannot be used; RunError naming the first non-finite weight
 */
export async function openModel(
  given: string,
  cacheFolder: string,
  logger: Logger,
  progress: ProgressDisplay,
  onShape: (shape: ModelShape) => void = () => undefined,
): Promise<OpenedModel> {
  const located = await locateModel(given, logger, progress);
  const report = bytesProgress(progress);
  const checkpoint = await openCheckpoint(located.path, {
    cacheFolder: resolve(cacheFolder),
    onProgress: report,
  });
  onShape(checkpoint.shape);
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
  return { ...located, checkpoint };
}

/** What loadCalibration takes from the options. */
export function rowOptions(settings: ResolvedSettings<(typeof ROW_SETTINGS)[number]>) {
  return {
    rowCount: requireSetting(settings, 'rows'),
    rowTokens: requireSetting(settings, 'seqLen'),
    seed: requireSetting(settings, 'seed'),
    pack: requireSetting(settings, 'pack'),
    specialTokens: requireSetting(settings, 'specialTokens'),
    textColumn: settings.values.textColumn ?? null,
  };
}

/**
 * Loads the rows of one set with the model's own tokenizer.
 * @param what the rows are for, in the log
 * @returns the rows, and what names the same set later, from any folder
 * @throws HubError, CheckpointError, CalibrationError for a set that cannot be used
 */
export async function openRowSet(
  given: string,
  what: 'calibration' | 'held-out',
  options: ReturnType<typeof rowOptions>,
  { sourcePath, maxPositionTokens }: Checkpoint,
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<{ set: CalibrationSet; pinned: string }> {
  const { files, pinned } = await locateCalibration(given, logger, progress);
  const report = bytesProgress(progress);
  const set = await loadCalibration({
    ...options,
    name: given,
    files,
    tokenizer: await readTokenizerFiles(sourcePath),
    onProgress: (done, total) => report(done, total, `reading the ${what} text`),
  });
  progress.clear();
  for (const note of set.notes) logger.warn(note);
  const longest = longestRowTokens(set.rows);
  if (longest > maxPositionTokens) {
    logger.warn(
      { longestRowTokens: longest, maxPositionTokens },
      'rows are longer than the model was made for; its scores there mean little',
    );
  }
  const { rows, source, recordCount, dropped, droppedTokens, specialTokens, contentHash } = set;
  logger.info(
    {
      [what === 'held-out' ? 'heldOut' : what]: given,
      files: files.length,
      source,
      records: recordCount,
      dropped,
      droppedTokens,
      rows: rows.length,
      availableRows: set.availableRows,
      tokens: rows.reduce((sum, row) => sum + row.length, 0),
      specialTokens,
      contentHash,
    },
    `${what} rows ready`,
  );
  return { set, pinned };
}
