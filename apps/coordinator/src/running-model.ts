import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { formatMask, makeMask, type Mask } from '@blockpruner/blocks';
import type { Console } from './console.ts';
import { onInterrupt, type Interrupted } from './interrupt.ts';
import { bytesProgress, locateModel } from './locate-inputs.ts';
import { ModelProcess } from './model-process.ts';
import { readModelReference } from './model-reference.ts';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import { requireModelOfRun } from './run-model.ts';
import type { SettingName } from './setting.ts';

/** What decides how a model is run in a process of its own. */
export const ONE_MODEL_SETTINGS = ['cacheDir', 'threads', 'dtype', 'device'] as const satisfies SettingName[];

type OneModelSettings = ResolvedSettings<(typeof ONE_MODEL_SETTINGS)[number]>;

/** A model in a process that is ready to run it. */
export interface RunningModel {
  /** Where its files are. */
  readonly path: string;
  readonly mask: Mask;
  readonly process: ModelProcess;
}

/**
 * Loads a model, or that of a run as `RUN@K`, in a process of its own.
 * @param removed blocks to leave out beside those of the run
 * @throws UsageError, HubError, RunError when there is no such model, or it is not the one of the run
 */
export async function startModel(
  given: string,
  removed: Mask,
  settings: OneModelSettings,
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<RunningModel> {
  const reference = await readModelReference(given);
  const { path } = await locateModel(reference.model, logger, progress);
  const mask = makeMask([...reference.mask, ...removed]);
  const process = new ModelProcess();
  const report = bytesProgress(progress);
  const restoreSignals = onInterrupt((reason) => process.close(reason));
  try {
    const request = {
      modelPath: path,
      mask,
      cacheFolder: resolve(requireSetting(settings, 'cacheDir')),
      device: requireSetting(settings, 'device'),
      dtype: requireSetting(settings, 'dtype'),
      threads: settings.values.threads ?? availableParallelism(),
    };
    const { fingerprint } = await process.ask('load', request, ({ doneBytes, totalBytes, what }) =>
      report(doneBytes, totalBytes, what),
    );
    progress.clear();
    if (reference.run) {
      const { view } = reference.run;
      requireModelOfRun(
        { fingerprint: fingerprint ?? 'none', sourcePath: path },
        { path: given, modelFingerprint: view.config.modelFingerprint },
      );
    }
    logger.info({ model: path, mask: formatMask(mask) }, 'model loaded');
    return { path, mask, process };
  } catch (error) {
    process.close();
    throw error;
  } finally {
    restoreSignals();
  }
}

/** Runs `use` with processes that are ended with it, and at once when the command is interrupted. */
export async function withProcesses<T>(
  processes: readonly ModelProcess[],
  use: () => Promise<T>,
): Promise<T> {
  const close = (reason?: Interrupted): void => {
    for (const process of processes) process.close(reason);
  };
  const restoreSignals = onInterrupt(close);
  try {
    return await use();
  } finally {
    restoreSignals();
    close();
  }
}
