import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseAddress } from '@blockpruner/wire';

export interface WorkerOptions {
  /** `host:port` of the coordinator. */
  readonly connect: string;
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  /** Threads of one evaluation. */
  readonly threads: number;
  readonly cacheFolder: string;
  /** Exit 0 when a run has finished, instead of waiting for the next one. */
  readonly exitWhenDone: boolean;
  /** Exit as soon as standard input ends: it is a pipe that the coordinator holds. */
  readonly parentPipe: boolean;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly logFormat: 'auto' | 'pretty' | 'json';
}

/** A command line that cannot be acted on: exit code 2. */
export class WorkerUsageError extends Error {
  override readonly name = 'WorkerUsageError';
}

export const WORKER_HELP = `Usage: blockpruner worker --connect <host:port> [options]

Computes for a coordinator. Runs on any machine that reaches it and sees the model at the same path.

Options:
  --connect <host:port>   the coordinator (env BLOCKPRUNER_CONNECT)
  --device <device>       cpu, or cuda:0, cuda:1, ... (env BLOCKPRUNER_DEVICE; default: cpu)
  --threads <n>           threads of one evaluation (env BLOCKPRUNER_THREADS; default: all cores, 1 on a GPU)
  --cache-dir <folder>    where decoded copies of quantized models are kept (env BLOCKPRUNER_CACHE_DIR; default: ~/.cache/blockpruner)
  --exit-when-done        exit 0 when the run has finished instead of waiting for the next one
  --log-level <level>     error, warn, info or debug (env BLOCKPRUNER_LOG_LEVEL; default: info)
  --log-format <format>   auto (pretty on a terminal), pretty or json (env BLOCKPRUNER_LOG_FORMAT; default: auto)
  --self-test             print versions and evaluate one block, then exit
  -h, --help              show this help

Examples:
  blockpruner worker --connect 10.0.0.5:50051
  blockpruner worker --connect 10.0.0.5:50051 --device cuda:3 --exit-when-done

Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.`;

/** `help` and `self-test` need no coordinator. */
export type WorkerCommand =
  { kind: 'help' } | { kind: 'self-test' } | { kind: 'work'; options: WorkerOptions };

/** @throws WorkerUsageError naming the option, the value and what is accepted */
export function parseWorkerCommand(args: string[], environment: NodeJS.ProcessEnv): WorkerCommand {
  const flags = parseFlags(args);
  if (flags.help) return { kind: 'help' };
  if (flags['self-test']) return { kind: 'self-test' };
  const text = (
    name: 'connect' | 'device' | 'threads' | 'cache-dir' | 'log-level' | 'log-format',
  ): string | undefined =>
    flags[name] ?? environment[`BLOCKPRUNER_${name.toUpperCase().replaceAll('-', '_')}`];

  const connect = text('connect');
  if (connect === undefined) {
    throw new WorkerUsageError('--connect is missing: give --connect <host:port> or set BLOCKPRUNER_CONNECT');
  }
  checkAddress(connect);
  const device = oneOf('device', text('device') ?? 'cpu', /^(cpu|cuda:\d{1,2})$/, 'cpu or cuda:<index>');
  const threads = text('threads') ?? String(device === 'cpu' ? availableParallelism() : 1);
  return {
    kind: 'work',
    options: {
      connect,
      device,
      threads: Number(oneOf('threads', threads, /^[1-9]\d{0,2}$/, 'a whole number from 1 to 999')),
      cacheFolder: text('cache-dir') ?? join(homedir(), '.cache', 'blockpruner'),
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

function checkAddress(connect: string): void {
  try {
    parseAddress(connect);
  } catch (error) {
    throw new WorkerUsageError(`--connect: ${(error as Error).message}`);
  }
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
        device: { type: 'string' },
        threads: { type: 'string' },
        'cache-dir': { type: 'string' },
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
