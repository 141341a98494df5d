import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resolveDtype, type Dtype } from '@blockpruner/inference';
import { formatBytes, parseBytes, parseDuration } from '@blockpruner/telemetry';
import type { ClientSecurity } from '@blockpruner/wire';
import { parseSecurity, SECURITY_FLAGS, SECURITY_HELP } from './security-options.ts';
import { WorkerUsageError } from './usage-error.ts';

export interface WorkerOptions {
  /** `host:port` of the coordinator. */
  readonly connect: string;
  /** How it is dialled. */
  readonly security: ClientSecurity;
  /** What is risky about that. */
  readonly warnings: readonly string[];
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  /** `auto` is settled once the device is known. */
  readonly dtype: Dtype | 'auto';
  /** Threads of one evaluation; null takes the fastest number up to `maxThreads`. */
  readonly threads: number | null;
  readonly maxThreads: number;
  /** Host memory that the worker may use. */
  readonly memoryLimitBytes: number;
  /** Whether the workers of this machine map one file of packed weights. */
  readonly shareWeights: boolean;
  /** Parts that the model is cut into, one in memory at a time. */
  readonly stages: number | 'auto';
  readonly cacheFolder: string;
  /** Of the models that were fetched from coordinators; null: most of what is free. */
  readonly cacheLimitBytes: number | null;
  /** Exit 0 when a run has finished, instead of waiting for the next one. */
  readonly exitWhenDone: boolean;
  /** How long a worker that is told to stop may go on with the task in hand. */
  readonly drainGraceMs: number;
  /** Exit as soon as standard input ends: it is a pipe that the coordinator holds. */
  readonly parentPipe: boolean;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly logFormat: 'auto' | 'pretty' | 'json';
}

/** Less does not even hold the processes of a worker. */
const LEAST_MEMORY_BYTES = 256 * 2 ** 20;
const COUNT = /^[1-9]\d{0,2}$/;
const COUNT_WORDS = 'a whole number from 1 to 999';

export const WORKER_HELP = `Usage: blockpruner worker --connect <host:port> [options]

Computes for a coordinator. Runs on any machine that reaches it; fetches the model where it does not see it.

Options:
  --connect <host:port>   the coordinator (env BLOCKPRUNER_CONNECT)
${SECURITY_HELP}
  --device <device>       cpu, or cuda:0, cuda:1, ... (env BLOCKPRUNER_DEVICE; default: cpu)
  --dtype <dtype>         of the work inside blocks: fp32, bf16, fp16, or auto, which is fp32 on a CPU, bf16 on a GPU that has it, else fp16 (env BLOCKPRUNER_DTYPE; default: auto)
  --threads <n>           threads of one evaluation (env BLOCKPRUNER_THREADS; default: the fastest number up to all cores, 1 on a GPU)
  --memory-limit <size>   memory the worker may use, as in 12GiB or 512MiB (env BLOCKPRUNER_MEMORY_LIMIT; default: what is free here)
  --share-weights         workers of this machine map one file of weights, in the cache folder, instead of a copy each
  --stages <n>            parts the model is cut into, one in memory at a time; auto takes as few as fit (env BLOCKPRUNER_STAGES; default: auto)
  --cache-dir <folder>    where fetched models and decoded copies of quantized models are kept (env BLOCKPRUNER_CACHE_DIR; default: ~/.cache/blockpruner)
  --cache-limit <size>    what fetched models may take of it; the one not used for longest goes first (env BLOCKPRUNER_CACHE_LIMIT; default: 90 % of what is free)
  --drain-grace <time>    how long SIGTERM lets it finish the task in hand, as in 25s or 5min (env BLOCKPRUNER_DRAIN_GRACE; default: 25s)
  --exit-when-done        exit 0 when the run has finished instead of waiting for the next one
  --log-level <level>     error, warn, info or debug (env BLOCKPRUNER_LOG_LEVEL; default: info)
  --log-format <format>   auto (pretty on a terminal), pretty or json (env BLOCKPRUNER_LOG_FORMAT; default: auto)
  --self-test             print versions and evaluate one block, then exit
  -h, --help              show this help

Examples:
  blockpruner worker --connect coordinator-host:50051 --tls-ca coordinator.crt --token-file token
  blockpruner worker --connect 10.0.0.5:50051 --insecure --device cuda:3 --exit-when-done
  blockpruner worker --connect 127.0.0.1:50051 --memory-limit 12GiB --stages auto

Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.`;

/** Options with a value: each has an environment variable too. */
type ValueFlag =
  | 'connect'
  | 'device'
  | 'dtype'
  | 'threads'
  | 'memory-limit'
  | 'stages'
  | 'cache-dir'
  | 'cache-limit'
  | 'drain-grace'
  | 'log-level'
  | 'log-format';

/** `help` and `self-test` need no coordinator. */
export type WorkerCommand =
  { kind: 'help' } | { kind: 'self-test' } | { kind: 'work'; options: WorkerOptions };

/** @throws WorkerUsageError naming the option, the value and what is accepted */
export function parseWorkerCommand(args: string[], environment: NodeJS.ProcessEnv): WorkerCommand {
  const flags = parseFlags(args);
  if (flags.help) return { kind: 'help' };
  if (flags['self-test']) return { kind: 'self-test' };
  const text = (name: ValueFlag): string | undefined =>
    flags[name] ?? environment[`BLOCKPRUNER_${name.toUpperCase().replaceAll('-', '_')}`];

  const connect = text('connect');
  if (connect === undefined) {
    throw new WorkerUsageError('--connect is missing: give --connect <host:port> or set BLOCKPRUNER_CONNECT');
  }
  const { security, warnings } = parseSecurity(connect, flags, environment);
  const device = oneOf('device', text('device') ?? 'cpu', /^(cpu|cuda:\d{1,2})$/, 'cpu or cuda:<index>');
  const threads = text('threads');
  const maxThreads = flags['max-threads']; // from a coordinator, which divides the cores of its machine
  return {
    kind: 'work',
    options: {
      connect,
      security,
      warnings,
      device,
      dtype: dtypeOf(text('dtype') ?? 'auto', device),
      threads: threads === undefined ? null : count('threads', threads),
      maxThreads: maxThreads === undefined ? mostThreads(device) : count('max-threads', maxThreads),
      memoryLimitBytes: memoryLimit(text('memory-limit')),
      shareWeights: flags['share-weights'] ?? false,
      stages: stagesOf(text('stages') ?? 'auto'),
      cacheFolder: text('cache-dir') ?? join(homedir(), '.cache', 'blockpruner'),
      cacheLimitBytes: cacheLimit(text('cache-limit')),
      drainGraceMs: drainGrace(text('drain-grace') ?? '25s'),
      exitWhenDone: flags['exit-when-done'] ?? false,
      parentPipe: flags['parent-pipe'] ?? false,
      logLevel: oneOf(
        'log-level',
        text('log-level') ?? 'info',
        /^(error|warn|info|debug)$/,
        'error, warn, info or debug',
      ) as WorkerOptions['logLevel'],
      logFormat: oneOf(
        'log-format',
        text('log-format') ?? 'auto',
        /^(auto|pretty|json)$/,
        'auto, pretty or json',
      ) as WorkerOptions['logFormat'],
    },
  };
}

function mostThreads(device: string): number {
  return device === 'cpu' ? availableParallelism() : 1;
}

function dtypeOf(value: string, device: string): Dtype | 'auto' {
  const dtype = oneOf('dtype', value, /^(auto|fp32|bf16|fp16)$/, 'auto, fp32, bf16 or fp16') as
    Dtype | 'auto';
  try {
    if (device === 'cpu') resolveDtype(dtype, device, undefined);
  } catch (error) {
    throw new WorkerUsageError(`--dtype: ${(error as Error).message}`);
  }
  return dtype;
}

function memoryLimit(value: string | undefined): number {
  if (value === undefined) return process.availableMemory();
  const bytes = parseBytes(value);
  if (bytes === undefined || bytes < LEAST_MEMORY_BYTES) {
    throw new WorkerUsageError(
      `--memory-limit must be a size of at least ${formatBytes(LEAST_MEMORY_BYTES)}, as in 12GiB, 512MiB or plain bytes; got "${value}"`,
    );
  }
  return bytes;
}

function cacheLimit(value: string | undefined): number | null {
  if (value === undefined) return null;
  const bytes = parseBytes(value);
  if (bytes === undefined) {
    throw new WorkerUsageError(`--cache-limit must be a size, as in 100GiB or plain bytes; got "${value}"`);
  }
  return bytes;
}

function drainGrace(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) {
    throw new WorkerUsageError(
      `--drain-grace must be a time from 0s to 24d, as in 25s or 5min; got "${value}"`,
    );
  }
  return ms;
}

function stagesOf(value: string): number | 'auto' {
  if (value === 'auto') return 'auto';
  return Number(oneOf('stages', value, COUNT, `auto or ${COUNT_WORDS}`));
}

function count(name: string, value: string): number {
  return Number(oneOf(name, value, COUNT, COUNT_WORDS));
}

function oneOf(name: string, value: string, accepted: RegExp, words: string): string {
  if (!accepted.test(value)) throw new WorkerUsageError(`--${name} must be ${words}; got "${value}"`);
  return value;
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        connect: { type: 'string' },
        ...SECURITY_FLAGS,
        device: { type: 'string' },
        dtype: { type: 'string' },
        threads: { type: 'string' },
        'max-threads': { type: 'string' },
        'memory-limit': { type: 'string' },
        'share-weights': { type: 'boolean' },
        stages: { type: 'string' },
        'cache-dir': { type: 'string' },
        'cache-limit': { type: 'string' },
        'drain-grace': { type: 'string' },
        'exit-when-done': { type: 'boolean' },
        'parent-pipe': { type: 'boolean' },
        'log-level': { type: 'string' },
        'log-format': { type: 'string' },
        'self-test': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new WorkerUsageError(`${(error as Error).message.split('\n')[0]}; see blockpruner worker --help`);
  }
}
