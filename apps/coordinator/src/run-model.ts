import type { Checkpoint } from '@blockpruner/checkpoint';
import { RunError } from './usage-error.ts';

/** The run that a model is to be that of. */
interface OfRun {
  readonly path: string;
  readonly modelFingerprint: string;
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
