import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Dtype } from '@blockpruner/inference';
import type { MonitoringPlan } from '@blockpruner/monitoring';
import type { ClientSecurity } from '@blockpruner/wire';
import { GivenOptions } from './given-options.ts';
import { MONITORING_FLAGS, parseMonitoring } from './monitoring-options.ts';
import {
  cacheLimit,
  count,
  drainGrace,
  dtypeOf,
  memoryLimit,
  mostThreads,
  oneOf,
  stagesOf,
} from './option-values.ts';
import { parseSecurity, SECURITY_FLAGS } from './security-options.ts';
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
  /** Dial again after a refusal, or where the run's model cannot be had, instead of failing. */
  readonly retryRefusals: boolean;
  /** Where probes and scrapes are answered. */
  readonly monitoring: MonitoringPlan;
  /** How long a worker that is told to stop may go on with the task in hand. */
  readonly drainGraceMs: number;
  /** Exit as soon as standard input ends: it is a pipe that the coordinator holds. */
  readonly parentPipe: boolean;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly logFormat: 'auto' | 'pretty' | 'json';
}

/** `help` and `self-test` need no coordinator. */
export type WorkerCommand =
  { kind: 'help' } | { kind: 'self-test' } | { kind: 'work'; options: WorkerOptions };

/** @throws WorkerUsageError naming the option, the value and what is accepted */
export function parseWorkerCommand(args: string[], environment: NodeJS.ProcessEnv): WorkerCommand {
  const flags = parseFlags(args);
  if (flags.help) return { kind: 'help' };
  if (flags['self-test']) return { kind: 'self-test' };
  const given = new GivenOptions(flags, environment);

  const connect = given.text('connect');
  if (connect === undefined) {
    throw new WorkerUsageError('--connect is missing: give --connect <host:port> or set BLOCKPRUNER_CONNECT');
  }
  const { security, warnings } = parseSecurity(connect, given, environment.BLOCKPRUNER_TOKEN);
  const device = oneOf(
    'device',
    given.text('device') ?? 'cpu',
    /^(cpu|cuda:\d{1,2})$/,
    'cpu or cuda:<index>',
  );
  const threads = given.text('threads');
  const maxThreads = flags['max-threads']; // from a coordinator, which divides the cores of its machine
  return {
    kind: 'work',
    options: {
      connect,
      security,
      warnings,
      device,
      dtype: dtypeOf(given.text('dtype') ?? 'auto', device),
      threads: threads === undefined ? null : count('threads', threads),
      maxThreads: maxThreads === undefined ? mostThreads(device) : count('max-threads', maxThreads),
      memoryLimitBytes: memoryLimit(given.text('memory-limit')),
      shareWeights: given.isOn('share-weights'),
      stages: stagesOf(given.text('stages') ?? 'auto'),
      cacheFolder: given.text('cache-dir') ?? join(homedir(), '.cache', 'blockpruner'),
      cacheLimitBytes: cacheLimit(given.text('cache-limit')),
      drainGraceMs: drainGrace(given.text('drain-grace') ?? '25s'),
      exitWhenDone: given.isOn('exit-when-done'),
      retryRefusals: given.isOn('retry-refusals'),
      monitoring: parseMonitoring(given),
      parentPipe: flags['parent-pipe'] ?? false,
      logLevel: oneOf(
        'log-level',
        given.text('log-level') ?? 'info',
        /^(error|warn|info|debug)$/,
        'error, warn, info or debug',
      ) as WorkerOptions['logLevel'],
      logFormat: oneOf(
        'log-format',
        given.text('log-format') ?? 'auto',
        /^(auto|pretty|json)$/,
        'auto, pretty or json',
      ) as WorkerOptions['logFormat'],
    },
  };
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
        'retry-refusals': { type: 'boolean' },
        ...MONITORING_FLAGS,
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
