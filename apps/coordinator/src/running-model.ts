import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { formatMask, isRemoved, makeMask, type Mask } from '@blockpruner/blocks';
import { locateModel as tellModelForm } from '@blockpruner/checkpoint';
import type { Console } from './console.ts';
import { onInterrupt, type Interrupted } from './interrupt.ts';
import { bytesProgress, isHubName, locateModel } from './locate-inputs.ts';
import { ModelProcess } from './model-process.ts';
import { readModelReference, type ModelReference } from './model-reference.ts';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import { requireModelOfRun } from './run-model.ts';
import type { SettingName } from './setting.ts';
import { UsageError } from './usage-error.ts';

/** What decides how a model is run in a process of its own. */
export const ONE_MODEL_SETTINGS = ['cacheDir', 'threads', 'dtype', 'device'] as const satisfies SettingName[];

type OneModelSettings = ResolvedSettings<(typeof ONE_MODEL_SETTINGS)[number]>;

/** A model whose files are on this machine, and none of them read yet. */
export interface FoundModel extends Pick<ModelReference, 'run'> {
  /** As it was named. */
  readonly given: string;
  /** Where its files are. */
  readonly path: string;
  /** Blocks that are left out of it. */
  readonly mask: Mask;
}

/**
 * Finds models by what `--model` takes, or by `RUN@K`: those on the disk first, for what the hub has can take long to come.
 * @param removed blocks to leave out beside those of a run
 * @returns in the order in which they are given
 * @throws UsageError, CheckpointError, HubError, RunError of the first that is not there, or lacks one of the blocks
 */
export async function findModels(
  given: readonly string[],
  removed: Mask,
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<FoundModel[]> {
  const references: ModelReference[] = [];
  for (const name of given) references.push(await readModelReference(name));
  for (const [i, { mask }] of references.entries()) {
    const gone = removed.filter((block) => isRemoved(mask, block));
    if (gone.length > 0)
      throw new UsageError(`${given[i]} lacks ${formatMask(gone)} already: leave it out of --mask`);
  }
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
    mask: makeMask([...mask, ...removed]),
    run,
  }));
}

/**
 * Loads a model in a process of its own, ready to run it.
 * @throws UsageError, RunError when it cannot be read, or is not the one of its run
 */
export async function startModel(
  { given, path, mask, run }: FoundModel,
  settings: OneModelSettings,
  { logger, progress }: Pick<Console, 'logger' | 'progress'>,
): Promise<ModelProcess> {
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
    return process;
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
