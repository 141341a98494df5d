import { availableParallelism } from 'node:os';
import { LEAST_WORKER_BYTES } from '@blockpruner/blocks';
import { resolveDtype, type Dtype } from '@blockpruner/inference';
import { formatBytes, parseBytes, parseDuration } from '@blockpruner/telemetry';
import { WorkerUsageError } from './usage-error.ts';

/** The values of options, read from their texts. Each throws a WorkerUsageError naming option, value and what is accepted. */

const COUNT = /^[1-9]\d{0,2}$/;
const COUNT_WORDS = 'a whole number from 1 to 999';

/** @param words for the error: what is accepted */
export function oneOf(name: string, value: string, accepted: RegExp, words: string): string {
  if (!accepted.test(value)) throw new WorkerUsageError(`--${name} must be ${words}; got "${value}"`);
  return value;
}

export function count(name: string, value: string): number {
  return Number(oneOf(name, value, COUNT, COUNT_WORDS));
}

/** As many as there are cores; a GPU takes one to feed it. */
export function mostThreads(device: string): number {
  return device === 'cpu' ? availableParallelism() : 1;
}

export function dtypeOf(value: string, device: string): Dtype | 'auto' {
  const dtype = oneOf('dtype', value, /^(auto|fp32|bf16|fp16)$/, 'auto, fp32, bf16 or fp16') as
    Dtype | 'auto';
  try {
    if (device === 'cpu') resolveDtype(dtype, device, undefined);
  } catch (error) {
    throw new WorkerUsageError(`--dtype: ${(error as Error).message}`);
  }
  return dtype;
}

export function stagesOf(value: string): number | 'auto' {
  if (value === 'auto') return 'auto';
  return Number(oneOf('stages', value, COUNT, `auto or ${COUNT_WORDS}`));
}

/** In bytes; by default what is free here. */
export function memoryLimit(value: string | undefined): number {
  if (value === undefined) return process.availableMemory();
  const bytes = parseBytes(value);
  if (bytes === undefined || bytes < LEAST_WORKER_BYTES) {
    throw new WorkerUsageError(
      `--memory-limit must be a size of at least ${formatBytes(LEAST_WORKER_BYTES)}, as in 12GiB, 512MiB or plain bytes; got "${value}"`,
    );
  }
  return bytes;
}

/** In bytes; null where none was given. */
export function cacheLimit(value: string | undefined): number | null {
  if (value === undefined) return null;
  const bytes = parseBytes(value);
  if (bytes === undefined) {
    throw new WorkerUsageError(`--cache-limit must be a size, as in 100GiB or plain bytes; got "${value}"`);
  }
  return bytes;
}

/** In milliseconds. */
export function drainGrace(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) {
    throw new WorkerUsageError(
      `--drain-grace must be a time from 0s to 24d, as in 25s or 5min; got "${value}"`,
    );
  }
  return ms;
}
