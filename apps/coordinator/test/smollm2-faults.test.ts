import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CHECKPOINT_CACHE,
  freePort,
  smollm2Golden,
  SMOLLM2_GGUF,
  TcpFaultProxy,
  temporaryFolder,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { read, start, workersOf, type Command } from './command.ts';

/** Long enough for a partition of a minute to lie within a run, short enough for all runs to take a few minutes. */
const ROWS = 6;
const ROW_TOKENS = 96;
const PARTITION_MS = 60_000;

interface Stats {
  readonly workersPerIteration: readonly (readonly string[])[];
  readonly counters: { readonly workersLost: number; readonly retries: number };
}

/** How a disturbed run ended, and what it took. */
interface Outcome {
  readonly fault: string;
  readonly seconds: number;
  readonly workersLost: number;
  readonly retries: number;
}

describe('SmolLM2 on two workers of their own', { timeout: 600_000 }, () => {
  let folder: TemporaryFolder;
  let port: number;
  let proxy: TcpFaultProxy;
  /** Each dials the coordinator again for the next run, with its model loaded; `near` directly, `far` through the proxy. */
  let near: Command;
  let far: Command;
  let undisturbed: string;
  const outcomes: Outcome[] = [];

  const worker = (toPort: number): Command => {
    const args = [
      'worker',
      '--connect',
      `127.0.0.1:${toPort}`,
      '--threads',
      '1',
      '--cache-dir',
      CHECKPOINT_CACHE,
    ];
    return start([...args, '--log-level', 'debug'], folder.path);
  };
  const listen = (): string[] => ['--listen', `127.0.0.1:${port}`, '--log-level', 'debug'];
  const prune = (output: string): Command => {
    const model = ['--model', SMOLLM2_GGUF, '--cache-dir', CHECKPOINT_CACHE, '--calibration', 'rows.json'];
    const what = ['--block-type', 'mha', '--remove', '3', '--output', output];
    return start(['prune', ...model, ...what, ...listen()], folder.path);
  };

  beforeAll(async () => {
    folder = temporaryFolder();
    const tokens = smollm2Golden().token_ids.flat();
    const rows = Array.from({ length: ROWS }, (_, i) => tokens.slice(i * ROW_TOKENS, (i + 1) * ROW_TOKENS));
    writeFileSync(join(folder.path, 'rows.json'), JSON.stringify(rows));
    port = await freePort();
    proxy = await TcpFaultProxy.start(port);
    near = worker(port);
    far = worker(proxy.port);
    outcomes.push(await outcomeOf('none', 'undisturbed', () => Promise.resolve()));
    undisturbed = read(folder, 'undisturbed/result.json');
  }, 600_000);

  afterAll(async () => {
    await Promise.all([near, far].map((command) => (command.kill('SIGKILL'), command.ended)));
    await proxy.close();
    folder.remove();
    const [{ seconds: usual }] = outcomes;
    const lines = outcomes.map(
      ({ fault, seconds, workersLost, retries }) =>
        `${fault.padEnd(48)} ${seconds.toFixed(1).padStart(7)} ${(seconds - usual).toFixed(1).padStart(7)} ${String(workersLost).padStart(5)} ${String(retries).padStart(8)}`,
    );
    const head = `${'fault'.padEnd(48)} seconds    cost  lost  retries`;
    process.stdout.write(
      `SmolLM2, ${ROWS} rows of ${ROW_TOKENS} tokens, 3 of 30 mha blocks removed\n${[head, ...lines].join('\n')}\n`,
    );
  });

  /**
   * Disturbs a run in its first iteration, and times it from both workers being ready.
   * @param disturb may hand the run over to another process, which it returns
   */
  async function outcomeOf(
    fault: string,
    output: string,
    disturb: (command: Command) => Promise<Command | void>,
  ): Promise<Outcome> {
    const command = prune(output);
    await command.says(/(?:"msg":"worker ready"[^]*){2}/, 300_000);
    const startedMs = performance.now();
    await command.says(/(?:"msg":"task done"[^]*){3}/, 300_000);
    const ended = await ((await disturb(command)) ?? command).ended;
    const seconds = (performance.now() - startedMs) / 1000;
    expect(ended.code).toBe(0);
    const { counters } = JSON.parse(read(folder, `${output}/stats.json`)) as Stats;
    return { fault, seconds, ...counters };
  }

  async function disturbed(...run: Parameters<typeof outcomeOf>): Promise<Outcome> {
    const outcome = await outcomeOf(...run);
    outcomes.push(outcome);
    expect(read(folder, `${run[1]}/result.json`)).toBe(undisturbed);
    return outcome;
  }

  it('ends with the same result when a worker is killed in mid-task and another takes its place', async () => {
    const { workersLost, retries } = await disturbed(
      'kill -9 of a worker, another started at once',
      'killed',
      async () => {
        process.kill(workersOf(far)[0], 'SIGKILL');
        await far.ended;
        far = worker(proxy.port);
      },
    );
    expect([workersLost, retries > 0]).toEqual([1, true]);
  });

  it('ends with the same result when the coordinator is killed in mid-iteration and its run resumed', async () => {
    await disturbed('kill -9 of the coordinator, resumed at once', 'resumed', async (command) => {
      command.kill('SIGKILL');
      await command.ended;
      return start(['resume', 'resumed', ...listen()], folder.path);
    });
  });

  it('ends with the same result when a worker gets SIGTERM and another takes its place', async () => {
    const { workersLost } = await disturbed(
      'SIGTERM of a worker, another started at once',
      'drained',
      async () => {
        far.kill('SIGTERM');
        const ended = await far.ended;
        expect([ended.code, ended.stderr]).toEqual([
          0,
          expect.stringContaining('"msg":"draining: finishing'),
        ]);
        far = worker(proxy.port);
      },
    );
    expect(workersLost).toBe(0);
  });

  it('ends with the same result when a worker is cut off for a minute', async () => {
    const { workersLost } = await disturbed(
      'a worker cut off for a minute',
      'partitioned',
      async (command) => {
        proxy.set({ flow: 'hold' });
        await command.says(/no heartbeat for 1\d{4} ms[^\n]*"msg":"worker left"/);
        void sleep(PARTITION_MS - 15_000).then(() => proxy.heal());
      },
    );
    expect(workersLost).toBe(1);
  });

  it('ends with the same result when a third worker joins', async () => {
    proxy.heal(); // the run before may have ended within its minute
    far.kill('SIGKILL'); // it may still wait to dial again
    await far.ended;
    far = worker(proxy.port);
    const third = worker(port); // started now: it has its model to load before it can join the iteration
    await disturbed('a third worker added', 'joined', (command) =>
      command.says(/(?:"msg":"worker ready"[^]*){3}/),
    );
    const { workersPerIteration } = JSON.parse(read(folder, 'joined/stats.json')) as Stats;
    expect(new Set(workersPerIteration.flat()).size).toBe(3);
    third.kill('SIGKILL');
    await third.ended;
  });
});
