import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import {
  CPU_SHAPE_PLAN,
  GPU_SHAPE_PLAN,
  workerMemoryBytes,
  type ModelShape,
  type ShapePlan,
} from '@blockpruner/blocks';
import { RunError, UsageError } from './usage-error.ts';

/** Which workers this machine starts, and where the coordinator listens. */
export interface WorkerPlan {
  /** One local worker each: `cpu` or `cuda:<index>`; empty when only remote workers are meant. */
  readonly devices: readonly string[];
  readonly threads: number;
  readonly listenHost: string;
  readonly listenPort: number;
  /** Whether workers of other machines are expected. */
  readonly remote: boolean;
  readonly shapePlan: ShapePlan;
  readonly bytesPerWorker: number;
}

/**
 * Turns `--workers` and `--listen` into a plan; without either, as many local workers as cores and memory allow,
 * or one a GPU.
 * @throws RunError when not even one worker fits into memory
 */
export function planWorkers(
  workers: string | undefined,
  listen: string | undefined,
  shape: ModelShape,
  longestRowTokens: number,
): WorkerPlan {
  const cores = availableParallelism();
  const bytesPerWorker = workerMemoryBytes(shape, CPU_SHAPE_PLAN, longestRowTokens);
  const gpus = visibleGpus();
  const { host, port } = listen === undefined ? { host: '127.0.0.1', port: 0 } : parseListen(listen);
  let devices: string[] = [];
  if (workers !== undefined) {
    const count = Number(workers.slice('local:'.length));
    devices = Array.from({ length: count }, (_, i) => (gpus > 0 ? `cuda:${i % gpus}` : 'cpu'));
  } else if (listen === undefined) {
    devices =
      gpus > 0 ? Array.from({ length: gpus }, (_, i) => `cuda:${i}`) : cpuWorkers(cores, bytesPerWorker);
  }
  return {
    devices,
    threads: Math.max(1, Math.floor(cores / Math.max(1, devices.length))),
    listenHost: host,
    listenPort: port,
    remote: listen !== undefined,
    shapePlan: gpus > 0 && devices.length > 0 ? GPU_SHAPE_PLAN : CPU_SHAPE_PLAN,
    bytesPerWorker,
  };
}

function cpuWorkers(cores: number, bytesPerWorker: number): string[] {
  const available = process.availableMemory();
  const fitting = Math.floor(available / bytesPerWorker);
  if (fitting === 0) {
    throw new RunError(
      `one worker needs about ${gib(bytesPerWorker)} GiB of memory and ${gib(available)} GiB are free; use a smaller model, shorter rows (--seq-len), or --workers local:1 to try anyway`,
    );
  }
  return Array.from({ length: Math.min(cores, fitting) }, () => 'cpu');
}

function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?:(?<host>[^:]+|\[[^\]]+\]):)?(?<port>\d{1,5})$/.exec(listen);
  const port = Number(match?.groups?.port);
  if (!match || port > 65_535) {
    throw new UsageError(`--listen must be host:port, e.g. 0.0.0.0:50051, or a port alone; got "${listen}"`);
  }
  return { host: match.groups?.host?.replace(/^\[(.*)\]$/, '$1') ?? '0.0.0.0', port };
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

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

/** Tokens of the longest of some rows, of which there may be a million. */
export function longestRowTokens(rows: readonly Int32Array[]): number {
  return rows.reduce((most, row) => Math.max(most, row.length), 0);
}
