import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, resolve } from 'node:path';
import { findSources } from '@blockpruner/calibration';
import {
  fetchDataset,
  fetchModel,
  HubError,
  parseDatasetReference,
  parseModelReference,
  resolveHubSettings,
} from '@blockpruner/hub';
import type { Logger, ProgressDisplay } from '@blockpruner/telemetry';
import { requireNoRun } from './model-reference.ts';
import { RunError } from './usage-error.ts';

/** What the hub says of a name that may have been meant for a path. */
const MAYBE_MISTYPED: ReadonlySet<string> = new Set(['not-found', 'unauthorized', 'offline', 'network']);

/** Where a model is on this machine. */
export interface LocatedModel {
  readonly path: string;
  /** Names the same model from any folder, at any later time: an absolute path, or `org/name@<commit>`. */
  readonly pinned: string;
  /** Fit for the name of a folder. */
  readonly name: string;
}

/** Whether a model is to come from the hub, or from its cache. */
export function isHubName(given: string): boolean {
  return !existsSync(given) && parseModelReference(given) !== null;
}

/**
 * Finds a model: what is on the disk wins, as in transformers; anything else that can be a name on the hub is fetched.
 * @throws HubError when it is there and cannot be had, UsageError when it is a run
 */
export async function locateModel(
  given: string,
  logger: Logger,
  progress: ProgressDisplay,
): Promise<LocatedModel> {
  await requireNoRun(given);
  const reference = existsSync(given) ? null : parseModelReference(given);
  if (reference === null) {
    const path = resolve(given);
    return { path, pinned: path, name: folderName(basename(path)) };
  }
  const settings = await resolveHubSettings(process.env, homedir());
  logger.info({ model: given, endpoint: settings.endpoint, offline: settings.offline }, 'asking the hub');
  const fetched = fetchModel(reference, settings, bytesProgress(progress));
  const { path, commit, pinned, note } = await fetched.catch((error: unknown) => {
    if (!(error instanceof HubError) || !MAYBE_MISTYPED.has(error.code)) throw error;
    throw new RunError(`${given}: no such file or folder, and on the hub: ${error.message}`, {
      cause: error,
    });
  });
  progress.clear();
  if (note !== null) logger.warn(note);
  logger.info({ model: given, commit, path }, 'model fetched from the hub, or found in its cache');
  return { path, pinned, name: folderName(basename(pinned.replace(/@.*/, ''))) };
}

/** The files of a calibration set on this machine, and what names the same set later. */
export interface LocatedCalibration {
  readonly files: readonly string[];
  readonly pinned: string;
}

/** @throws HubError, CalibrationError when there is nothing to read */
export async function locateCalibration(
  given: string,
  logger: Logger,
  progress: ProgressDisplay,
): Promise<LocatedCalibration> {
  const reference = parseDatasetReference(given);
  if (reference === null) return { files: await findSources(given), pinned: resolve(given) };
  const settings = await resolveHubSettings(process.env, homedir());
  logger.info(
    { calibration: given, endpoint: settings.endpoint, offline: settings.offline },
    'asking the hub',
  );
  const { files, commit, pinned, note } = await fetchDataset(reference, settings, bytesProgress(progress));
  progress.clear();
  if (note !== null) logger.warn(note);
  logger.info({ calibration: given, commit, files }, 'dataset fetched from the hub, or found in its cache');
  return { files, pinned };
}

/** Shows bytes done of all bytes, in MiB. */
export function bytesProgress(
  progress: ProgressDisplay,
): (doneBytes: number, totalBytes: number, what: string) => void {
  return (doneBytes, totalBytes, what) =>
    progress.update({ title: `${what} (MiB)`, done: mib(doneBytes), total: mib(totalBytes) });
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function folderName(name: string): string {
  return name.replace(/\.gguf$/, '').replaceAll(/[^\w.-]/g, '_');
}
