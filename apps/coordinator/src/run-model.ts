import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { RunError } from './usage-error.ts';

/** The run that a model is to be that of. */
interface OfRun {
  readonly path: string;
  readonly modelFingerprint: string;
}

/**
 * @param model as the run's config has it: an absolute path, or a name on the hub
 * @param wayOut what to do where it is gone
 * @throws RunError when it is a path and nothing is there any more
 */
export function requireModelThere(model: string, run: string, wayOut: string): void {
  if (!isAbsolute(model) || existsSync(model)) return;
  throw new RunError(`${run}: its model ${model} is not there any more: ${wayOut}`);
}

/** @throws RunError when a model is another than the run was created with */
export function requireModelOfRun(
  { fingerprint, sourcePath }: Pick<Checkpoint, 'fingerprint' | 'sourcePath'>,
  { path, modelFingerprint }: OfRun,
): void {
  if (fingerprint === modelFingerprint) return;
  throw new RunError(
    `${path}: the model at ${sourcePath} has fingerprint ${fingerprint}, the run was created with ${modelFingerprint}: name a copy of that one with --model`,
  );
}
