import { spawn, type ChildProcess } from 'node:child_process';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import type { Logger } from '@blockpruner/telemetry';
import { WORKER_MAIN } from './commands/worker.ts';
import { exitReason } from './exit-reason.ts';
import type { WorkerPlan } from './worker-plan.ts';

const RESPAWN_DELAY_MS = 1000;
const STOP_GRACE_MS = 1000;
/** A worker that dies this often, each time soon after its start, will die again. */
const MAX_RESPAWNS = 5;
/** One that lived this long was in order; its death does not count. */
const SOON_MS = 60_000;

export interface LocalWorkerOptions {
  /** `host:port` of the coordinator's own port. */
  readonly address: string;
  /** Lets them in there. */
  readonly token: string;
  readonly plan: WorkerPlan;
  readonly cacheFolder: string;
  readonly logger: Logger;
  /** A worker died more often than it is worth starting again. */
  readonly onGivenUp: (reason: string) => void;
}

/**
 * The worker processes that `--workers local:N` starts. They dial the coordinator as remote ones do.
 *
 * Invariants:
 * 1. A worker that dies is started again after a second; a bounded number of times where it dies soon after its start.
 * 2. No worker outlives this process, even one killed by `kill -9`: each watches the pipe of its standard input.
 * 3. After `stop` resolves no worker is left.
 */
export class LocalWorkers {
  private readonly options: LocalWorkerOptions;
  private readonly children = new Set<ChildProcess>();
  private readonly respawns: number[];
  private stopping = false;

  constructor(options: LocalWorkerOptions) {
    this.options = options;
    this.respawns = options.plan.local.map(() => 0);
  }

  start(): void {
    this.options.plan.local.forEach((_, slot) => this.spawn(slot));
  }

  /** Starts one more, like the first. @returns false where none is meant to be here */
  startAnother(): boolean {
    if (this.respawns.length === 0 || this.stopping) return false;
    this.spawn(this.respawns.push(0) - 1);
    return true;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const gone = [...this.children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of this.children) child.stdin?.end();
    const timer = setTimeout(() => this.children.forEach((child) => child.kill('SIGKILL')), STOP_GRACE_MS);
    await Promise.all(gone);
    clearTimeout(timer);
  }

  private spawn(slot: number): void {
    const { logger, plan } = this.options;
    const child = spawn(process.execPath, [WORKER_MAIN, ...workerArguments(this.options, slot)], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: workerEnvironment(process.env, this.options.token),
    });
    const startedMs = performance.now();
    this.children.add(child);
    logger.debug(
      {
        localWorker: slot,
        worker: workerName(hostname(), child.pid),
        device: plan.local[slot % plan.local.length].device,
      },
      'local worker started',
    );
    let lastLine = '';
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (this.stopping) return; // on its way out a worker says nothing of interest
      lastLine = forwardLine(logger, slot, line) ?? lastLine;
    });
    child.stdin.on('error', () => undefined); // it ended first; its exit event says so
    child.on('error', (error) =>
      this.options.onGivenUp(`a local worker could not be started: ${error.message}`),
    );
    child.on('exit', (code, signal) => {
      this.children.delete(child);
      if (performance.now() - startedMs > SOON_MS) this.respawns[slot] = 0;
      if (!this.stopping) this.respawn(slot, `${exitReason(code, signal)}${lastLine && `; ${lastLine}`}`);
    });
  }

  private respawn(slot: number, reason: string): void {
    const { logger, onGivenUp } = this.options;
    if (++this.respawns[slot] > MAX_RESPAWNS) {
      onGivenUp(`local worker ${slot} died ${this.respawns[slot]} times, the last time by ${reason}`);
      return;
    }
    logger.warn({ localWorker: slot, reason }, 'a local worker died; starting it again');
    setTimeout(() => {
      if (!this.stopping) this.spawn(slot);
    }, RESPAWN_DELAY_MS);
  }
}

/** A worker's own log lines go into ours, its warnings as warnings. @returns the message of a warning or error */
function forwardLine(logger: Logger, slot: number, line: string): string | undefined {
  const fields = parseLogLine(line);
  if (fields === undefined) {
    logger.warn({ localWorker: slot }, line); // of a native library, or the error a worker ends with
    return line;
  }
  const { level, msg, time, pid, hostname: host, ...rest } = fields;
  const isWarning = level === 'warn' || level === 'error' || (typeof level === 'number' && level >= 40);
  const log = { localWorker: slot, worker: workerName(host, pid), workerTime: time, ...rest };
  const text = typeof msg === 'string' ? msg : 'local worker';
  if (isWarning) logger.warn(log, text);
  else logger.debug(log, text);
  return isWarning ? text : undefined;
}

/** As it calls itself when it joins. */
function workerName(host: unknown, pid: unknown): string {
  return `${String(host)}:${String(pid)}`;
}

function parseLogLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Its options come from its arguments alone: those in our environment are the coordinator's. */
function workerEnvironment(own: NodeJS.ProcessEnv, token: string): NodeJS.ProcessEnv {
  const others = Object.entries(own).filter(([name]) => !name.startsWith('BLOCKPRUNER_'));
  return { ...Object.fromEntries(others), BLOCKPRUNER_TOKEN: token };
}

function workerArguments({ address, plan, cacheFolder }: LocalWorkerOptions, slot: number): string[] {
  const { device, maxThreads } = plan.local[slot % plan.local.length];
  const values: Record<string, string | null> = {
    '--connect': address,
    '--device': device,
    '--dtype': plan.dtype,
    '--stages': plan.stages,
    '--threads': plan.threads === null ? null : String(plan.threads),
    '--max-threads': String(maxThreads),
    '--memory-limit': String(plan.memoryLimitBytes),
    '--cache-dir': cacheFolder,
    '--log-level': 'debug',
    '--log-format': 'json',
  };
  const given = Object.entries(values).flatMap(([flag, value]) => (value === null ? [] : [flag, value]));
  const switches = plan.sharedWeights ? ['--share-weights'] : [];
  return [...given, ...switches, '--parent-pipe', '--exit-when-done'];
}
