import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import {
  CPU_SHAPE_PLAN,
  GPU_SHAPE_PLAN,
  LEAST_WORKER_BYTES,
  workerMemory,
  type ModelShape,
  type WorkerMemory,
} from '@blockpruner/blocks';
import { formatBytes, parseBytes, parseDuration } from '@blockpruner/telemetry';
import { planArtifacts, type ArtifactPlan } from './artifact-plan.ts';
import { planRemotePort, type RemotePort } from './remote-port.ts';
import type { ResolvedSettings } from './resolve-settings.ts';
import { setting, type WORKER_SETTINGS } from './setting.ts';
import { RunError, UsageError } from './usage-error.ts';

/** What was asked for about workers. */
export type WorkerSettings = ResolvedSettings<(typeof WORKER_SETTINGS)[number]>['values'];

/** One worker that this machine starts. */
export interface LocalWorkerPlan {
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  /** Threads it has to choose from. */
  readonly maxThreads: number;
}

/** Which workers this machine starts, with what, and where the coordinator awaits others. */
export interface WorkerPlan {
  /** Empty when only remote workers are meant. */
  readonly local: readonly LocalWorkerPlan[];
  /** Threads of each, where the user has fixed them. */
  readonly threads: number | null;
  /** Rows a micro-batch, where the user has fixed them. */
  readonly microBatchRows: number | null;
  readonly dtype: string;
  readonly stages: string;
  /** Whether the local workers map one file of weights instead of each holding its own. */
  readonly sharedWeights: boolean;
  /** Host memory each local worker may use. */
  readonly memoryLimitBytes: number;
  /** What a worker needs by the usual plan of its device. */
  readonly memory: WorkerMemory;
  readonly longestRowTokens: number;
  /** The port for workers of other machines; null when none are expected. */
  readonly remote: RemotePort | null;
  /** How the model's files are served; null where they are not. */
  readonly artifacts: ArtifactPlan | null;
  /** Whether workers of any numeric class are let in. */
  readonly mixedClasses: boolean;
  /** How long a run waits for a worker. */
  readonly workerTimeoutMs: number;
}

/**
 * Turns the worker options into a plan; without `--workers` and `--listen`, as many local workers as cores and memory
 * allow, or one a GPU. Cores that are left over become threads.
 * @throws RunError when not even one worker fits into memory; UsageError when an option cannot be read
 */
export function planWorkers(
  settings: WorkerSettings,
  shape: ModelShape,
  longestRowTokens: number,
): WorkerPlan {
  const gpus = visibleGpus();
  const { workers, listen, threads = null, microBatch = null, dtype = 'auto', stages = 'auto' } = settings;
  const remote = planRemotePort(settings, process.env);
  const artifacts = remote && planArtifacts(settings, remote);
  const usual = gpus > 0 ? GPU_SHAPE_PLAN : CPU_SHAPE_PLAN;
  const memory = workerMemory(shape, { ...usual, microBatchRows: microBatch ?? 1 }, longestRowTokens, {
    bytesPerWeight: gpus > 0 && dtype !== 'fp32' ? 2 : 4,
  });
  const machineBytes = memoryOfMachine(settings.memoryLimit);
  const count = localWorkerCount(workers, listen, gpus, () => fittingWorkers(memory, machineBytes, stages));
  const sharedWeights = gpus === 0 && count > 1;
  const memoryLimitBytes = limitOfEach(machineBytes, memory, count, sharedWeights);
  requireEnoughForEach(settings.memoryLimit, memoryLimitBytes, count);
  return {
    local: Array.from({ length: count }, (_, i) => ({
      device: gpus > 0 ? `cuda:${i % gpus}` : 'cpu',
      maxThreads: threads ?? shareOfCores(i, count),
    })),
    threads,
    microBatchRows: microBatch,
    dtype,
    stages: String(stages),
    sharedWeights,
    memoryLimitBytes,
    memory,
    longestRowTokens,
    remote,
    artifacts,
    mixedClasses: settings.mixedClasses ?? false,
    workerTimeoutMs: parseDuration(settings.workerTimeout ?? String(setting('workerTimeout').default))!,
  };
}

function memoryOfMachine(limit: string | undefined): number {
  if (limit === undefined) return process.availableMemory();
  const bytes = parseBytes(limit);
  if (bytes === undefined) {
    throw new UsageError(
      `--memory-limit must be a size, e.g. 12GiB, 512MiB or a number of bytes; got "${limit}"`,
    );
  }
  return bytes;
}

function localWorkerCount(
  workers: string | undefined,
  listen: string | undefined,
  gpus: number,
  fitting: () => number,
): number {
  if (workers !== undefined) return Number(workers.slice('local:'.length));
  if (listen !== undefined) return 0;
  return gpus > 0 ? gpus : Math.min(availableParallelism(), fitting());
}

/** Workers that fit when they share their weights; a model cut into stages fits once in any case. */
function fittingWorkers(memory: WorkerMemory, machineBytes: number, stages: string | number): number {
  const ownBytes = memory.totalBytes - memory.weightBytes;
  const fitting = Math.floor((machineBytes - memory.weightBytes) / ownBytes);
  if (fitting >= 1) return fitting;
  if (stages !== 1) return 1;
  throw new RunError(
    `one worker needs about ${formatBytes(memory.totalBytes)} of memory and ${formatBytes(machineBytes)} are free; use a smaller model, shorter rows (--seq-len), --stages auto, or --workers local:1 to try anyway`,
  );
}

/** @throws UsageError when a limit that was given leaves too little for each worker to begin with */
function requireEnoughForEach(limit: string | undefined, bytesEach: number, count: number): void {
  if (limit === undefined || count === 0 || bytesEach >= LEAST_WORKER_BYTES) return;
  throw new UsageError(
    `--memory-limit ${limit} leaves ${formatBytes(bytesEach)} for each of ${count} worker${count === 1 ? '' : 's'}, and the least is ${formatBytes(LEAST_WORKER_BYTES)}: give more, or start fewer with --workers`,
  );
}

function limitOfEach(
  machineBytes: number,
  { weightBytes }: WorkerMemory,
  count: number,
  sharedWeights: boolean,
): number {
  if (count === 0) return machineBytes;
  const share = sharedWeights ? weightBytes + (machineBytes - weightBytes) / count : machineBytes / count;
  return Math.max(1, Math.floor(share));
}

function shareOfCores(index: number, count: number): number {
  const cores = availableParallelism();
  return Math.max(1, Math.floor(cores / count) + (index < cores % count ? 1 : 0));
}

/** GPUs that this process may use: those of `CUDA_VISIBLE_DEVICES` where it is set, else all that the driver lists. */
export function visibleGpus(): number {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined)
    return visible.split(',').filter((id) => id.trim() !== '' && id.trim() !== '-1').length;
  try {
    const list = execFileSync('nvidia-smi', ['-L'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return list.split('\n').filter((line) => line.startsWith('GPU ')).length;
  } catch {
    return 0;
  }
}

/** Tokens of the longest of some rows, of which there may be a million. */
export function longestRowTokens(rows: readonly Int32Array[]): number {
  return rows.reduce((most, row) => Math.max(most, row.length), 0);
}
