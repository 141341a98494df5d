import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  descendants,
  processExists,
  temporaryFolder,
  TINY_MODELS,
  tinyRows,
  waitFor,
  writeTinyModel,
} from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName, TinyModelSpec } from '@blockpruner/testkit';
import { afterAll } from 'vitest';

export const BLOCKPRUNER = join(import.meta.dirname, '../bin/blockpruner');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stderr. */
  readonly lastLine: string;
}

const running = new Set<Command>();

// What a failed test left running would slow down the others.
afterAll(async () => {
  for (const command of running) command.killAll();
  await Promise.all([...running].map((command) => command.ended));
});

/** A `blockpruner` process under test. */
export class Command {
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private stdout = '';
  stderr = '';

  /**
   * @param leadsGroup gives it a process group of its own, as a terminal does
   * @param under a command that runs it, such as one that gives it a namespace
   */
  constructor(
    args: readonly string[],
    cwd: string,
    env: Record<string, string> = {},
    leadsGroup = false,
    under: readonly string[] = [],
  ) {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('BLOCKPRUNER_'));
    const [command, ...rest] = [...under, BLOCKPRUNER, ...args];
    this.child = spawn(command, rest, {
      cwd,
      env: { ...Object.fromEntries(own), BLOCKPRUNER_LOG_FORMAT: 'json', ...env },
      detached: leadsGroup,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    running.add(this);
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        running.delete(this);
        const { stdout, stderr } = this;
        resolve({ code, signal, stdout, stderr, lastLine: stderr.trimEnd().split('\n').at(-1) ?? '' });
      });
    });
  }

  /** How it ended, which must be within ten seconds from now. */
  async endsSoon(): Promise<Ended> {
    await waitFor(() => !running.has(this), { timeoutMs: 10_000 });
    return this.ended;
  }

  /** What it has said so far. */
  get said(): string {
    return this.stderr;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Kills it and all that it has started: a stopped one would outlive it and keep its stderr open. */
  killAll(): void {
    for (const pid of [...descendants(this.pid), this.pid]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has just ended
      }
    }
  }

  /** As Ctrl-C in a terminal: every process of the group gets it. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Waits until stderr holds the text; throws when the command ends without. */
  async says(text: string | RegExp, timeoutMs = 60_000): Promise<void> {
    const isSaid = (): boolean =>
      typeof text === 'string' ? this.stderr.includes(text) : text.test(this.stderr);
    await waitFor(() => isSaid() || !running.has(this), { timeoutMs }).catch(() => undefined);
    if (!isSaid()) throw new Error(`${String(text)} was not said:\n${this.stderr}`);
  }
}

export function start(args: readonly string[], cwd: string, env: Record<string, string> = {}): Command {
  return new Command(args, cwd, env);
}

export function run(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<Ended> {
  return start(args, cwd, env).ended;
}

/** A folder with a tiny model `model`, its rows in `rows.json`, and room for run folders. */
export async function workspace(
  model: TinyModelName | TinyModelSpec,
  rowTokens: readonly number[] = [80, 80, 33, 17, 130],
): Promise<TemporaryFolder> {
  const folder = temporaryFolder();
  const spec: TinyModelSpec = typeof model === 'string' ? TINY_MODELS[model] : model;
  await writeTinyModel(join(folder.path, 'model'), spec);
  const rows = tinyRows(spec.vocabSize, spec.seed, rowTokens).map((row) => [...row]);
  writeFileSync(join(folder.path, 'rows.json'), JSON.stringify(rows));
  return folder;
}

/** A model and rows that keep two workers busy for a second or more in each iteration. */
export function slowWorkspace(): Promise<TemporaryFolder> {
  const spec = { ...TINY_MODELS['llama-gqa-untied'], layerCount: 10, hiddenSize: 192, intermediateSize: 512 };
  return workspace(spec, new Array<number>(10).fill(130));
}

export const PRUNE = ['prune', '--model', 'model', '--calibration', 'rows.json'];

export function read(folder: TemporaryFolder, file: string): string {
  return readFileSync(join(folder.path, file), 'utf8');
}

/** Waits until none of the processes is left. */
export async function allGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => !pids.some(processExists), { timeoutMs: 10_000 });
}

/** The processes that a command computes with. */
export interface Family {
  readonly workers: readonly number[];
  readonly computeChildren: readonly number[];
  readonly all: readonly number[];
}

/** The processes below a command, once there are so many workers, each with its compute child. */
export async function family(command: Command, workerCount: number): Promise<Family> {
  let all: number[] = [];
  let computeChildren: number[] = [];
  await waitFor(
    () => {
      all = descendants(command.pid);
      computeChildren = all.filter((pid) => commandLine(pid).includes('session-child'));
      return computeChildren.length === workerCount && all.length >= 2 * workerCount;
    },
    { timeoutMs: 60_000 },
  );
  return { workers: all.filter(isWorker), computeChildren, all };
}

/** The process that serves the model's files below a command, once there is one. */
export async function artifactServerOf(command: Command): Promise<number> {
  const find = (): number | undefined =>
    descendants(command.pid).find((pid) => commandLine(pid).includes('artifact-child'));
  await waitFor(() => find() !== undefined, { timeoutMs: 30_000 });
  return find() ?? 0;
}

/** The workers below a command at this moment. */
export function workersOf(command: Command): number[] {
  return descendants(command.pid).filter(isWorker);
}

function isWorker(pid: number): boolean {
  return /worker.src.main\.ts/.test(commandLine(pid));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has just ended
  }
}

/** The one-line error that a failed command ends with. */
export function errorLine(ended: Ended): string {
  const { lastLine } = ended;
  if (
    !lastLine.startsWith('error: ') ||
    lastLine.length >= 400 ||
    ended.stdout !== '' ||
    /\n\s+at /.test(ended.stderr)
  ) {
    throw new Error(`not a command that failed in order: ${JSON.stringify(ended)}`);
  }
  return lastLine.slice('error: '.length);
}
