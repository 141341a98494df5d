import { freePort, waitFor, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PRUNE, run, slowWorkspace, start } from './command.ts';

type Line = Record<string, unknown>;

describe('a worker that is watched', { timeout: 120_000 }, () => {
  let folder: TemporaryFolder;
  let port: number;
  let metricsPort: number;

  beforeAll(async () => {
    folder = await slowWorkspace();
    [port, metricsPort] = [await freePort(), await freePort()];
  });
  afterAll(() => folder.remove());

  /** The samples of the worker's own metrics. */
  async function scrape(): Promise<Record<string, number>> {
    const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    const samples = (await response.text()).matchAll(/^blockpruner_worker_(\S+) (\S+)$/gm);
    return Object.fromEntries([...samples].map(([, name, value]) => [name, Number(value)]));
  }

  async function becomes(
    isTrue: (samples: Record<string, number>) => boolean,
  ): Promise<Record<string, number>> {
    let samples: Record<string, number> = {};
    await waitFor(async () => isTrue((samples = await scrape())), { timeoutMs: 60_000 });
    return samples;
  }

  it('tells what it does, whose log line is whose, and is through with its task soon after SIGTERM', async () => {
    const watched = start(
      [
        ...['worker', '--connect', `127.0.0.1:${port}`, '--metrics-listen', `127.0.0.1:${metricsPort}`],
        ...['--memory-limit', '1GiB', '--log-level', 'debug'],
      ],
      folder.path,
    );
    await watched.says('no coordinator yet; dialling again');
    const alone = await scrape();
    expect(alone).toMatchObject({ ready: 0, tokens_total: 0, 'memory_bytes{kind="limit"}': 2 ** 30 });
    expect(alone['seconds_total{activity="connecting"}']).toBeGreaterThan(0);
    expect(alone).not.toHaveProperty('mfu_ratio');

    const args = [...PRUNE, '--remove', '2', '--output', 'first', '--listen', `127.0.0.1:${port}`];
    const coordinator = start(args, folder.path);
    const busy = await becomes((samples) => samples['tasks_total{outcome="done"}'] > 0);
    expect(busy).toMatchObject({ ready: 1, 'tasks_total{outcome="failed"}': 0 });
    for (const name of ['tokens_total', 'flops_total', 'peak_flops_per_second', 'mfu_ratio'])
      expect([name, busy[name] > 0]).toEqual([name, true]);
    expect(busy['memory_bytes{kind="resident"}']).toBeGreaterThan(
      1.5 * alone['memory_bytes{kind="resident"}'],
    );
    for (const activity of ['connecting', 'loading', 'computing']) {
      const name = `seconds_total{activity="${activity}"}`;
      expect([name, busy[name] > 0]).toEqual([name, true]);
    }
    expect((await coordinator.ended).code).toBe(0);
    await becomes(({ ready }) => ready === 0);

    const again = start([...args.slice(0, -4), '--output', 'second', ...args.slice(-2)], folder.path);
    const before = (await scrape())['tasks_total{outcome="done"}'];
    await becomes((samples) => samples['tasks_total{outcome="done"}'] > before);
    watched.kill('SIGTERM');
    const { code, stderr } = await watched.endsSoon();
    expect(code).toBe(0);
    again.kill('SIGINT');
    await again.ended;

    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    const names = new Set(lines.map(({ worker }) => worker));
    expect([...names]).toEqual([expect.stringMatching(/:\d+$/)]);
    expect(coordinator.said).toContain(`"worker":"${[...names][0] as string}"`);
    const said = (msg: string): Line[] => lines.filter((line) => line.msg === msg);
    const runs = said('connected').map((line) => line.run as string);
    expect(new Set(runs).size).toBe(2);
    expect(said('no coordinator yet; dialling again').every((line) => !('run' in line))).toBe(true);
    const taken = said('task taken');
    expect(taken.length).toBeGreaterThan(0);
    for (const line of [...taken, ...said('task done')]) {
      expect(runs).toContain(line.run);
      expect(line.task).toMatch(/^t\d+/);
    }
    expect(lines.find(({ tasks }) => Number(tasks) > 0)?.msg).toMatch(
      /^\d+ tasks? done in .*, [\d.]+ k? ?tokens\/s, .*FLOP\/s, computing \d+ % of the time$/,
    );
  });

  it("has its lines in the coordinator's log when that has started it", async () => {
    const args = [
      ...PRUNE,
      '--remove',
      '1',
      '--workers',
      'local:1',
      '--log-level',
      'debug',
      '--output',
      'local',
    ];
    const { code, stderr } = await run(args, folder.path);
    expect(code).toBe(0);
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
    const taken = lines.find(({ msg }) => msg === 'task taken');
    expect(taken).toMatchObject({
      localWorker: 0,
      worker: expect.stringMatching(/:\d+$/) as string,
      run: expect.any(String) as string,
      task: expect.stringMatching(/^t/) as string,
    });
  });
});
