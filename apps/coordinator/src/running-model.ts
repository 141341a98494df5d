import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { formatMask, makeMask, type Mask } from '@blockpruner/blocks';
import { locateModel as tellModelForm } from '@blockpruner/checkpoint';
import type { Console } from './console.ts';
import { onInterrupt, type Interrupted } from './interrupt.ts';
import { bytesProgress, isHubName, locateModel } from './locate-inputs.ts';
import { ModelProcess } from './model-process.ts';
import { readModelReference, type ModelReference } from './model-reference.ts';
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

/** A model that is there, of which nothing is loaded yet. */
export interface FoundModel extends Pick<ModelReference, 'mask' | 'run'> {
  /** As the user names it. */
  readonly given: string;
  /** Where its files are. */
  readonly path: string;
}

/**
 * Finds models by what `--model` takes, or by `RUN@K`: those on the disk first, for what the hub has can take long to come.
 * @returns in the order in which they are given
 * @throws UsageError, CheckpointError, HubError, RunError of the first that is not there
 */
export async function findModels(
  given: readonly string[],
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<FoundModel[]> {
  const references: ModelReference[] = [];
  for (const name of given) references.push(await readModelReference(name));
  const paths = new Map<string, string>();
  const names = references.map(({ model }) => model);
  for (const name of [...names.filter((each) => !isHubName(each)), ...names.filter(isHubName)]) {
    const { path } = await locateModel(name, logger, progress);
    await tellModelForm(path);
    paths.set(name, path);
  }
  return references.map(({ model, mask, run }, i) => ({
    given: given[i],
    path: paths.get(model)!,
    mask,
    run,
  }));
}

/**
 * Loads a model in a process of its own.
 * @param removed blocks to leave out beside those of the run
 * @throws RunError when it is not the model of the run; CheckpointError when it cannot be used
 */
export async function startModel(
  found: FoundModel,
  removed: Mask,
  settings: OneModelSettings,
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<RunningModel> {
  const { given, path, run } = found;
  const mask = makeMask([...found.mask, ...removed]);
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
    if (run) {
      requireModelOfRun(
        { fingerprint: fingerprint ?? 'none', sourcePath: path },
        { path: given, modelFingerprint: run.view.config.modelFingerprint },
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
