import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, TcpFaultProxy, waitFor, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { family, PRUNE, read, run, slowWorkspace, start, type Command } from './command.ts';

interface Stats {
  readonly workersPerIteration: readonly (readonly string[])[];
  readonly counters: { readonly workersLost: number };
}

/** How many connections it has had tasks over. */
function taskCount(worker: Command): number {
  return worker.said.split('"msg":"connected"').filter((part) => part.includes('"msg":"task taken"')).length;
}

describe('a run over a bad network', () => {
  let folder: TemporaryFolder;
  let undisturbed: string;
  let port: number;
  let proxy: TcpFaultProxy;

  const prune = (output: string, ...workers: string[]): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--output', output, ...workers],
  ];
  const listening = (output: string, ...workers: string[]): Command =>
    start(prune(output, '--listen', `127.0.0.1:${port}`, ...workers), folder.path);
  /** It dials the coordinator through the proxy. */
  const worker = (): Command => {
    const args = ['worker', '--connect', `127.0.0.1:${proxy.port}`, '--threads', '1', '--exit-when-done'];
    return start([...args, '--log-level', 'debug'], folder.path);
  };
  const stats = (output: string): Stats => JSON.parse(read(folder, `${output}/stats.json`)) as Stats;

  beforeAll(async () => {
    folder = await slowWorkspace();
    expect((await run(prune('undisturbed', '--workers', 'local:2'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());
  beforeEach(async () => {
    port = await freePort();
    proxy = await TcpFaultProxy.start(port);
  });
  afterEach(() => proxy.close());

  async function endsAsUndisturbed(command: Command, output: string): Promise<Stats> {
    expect((await command.ended).code).toBe(0);
    expect(read(folder, `${output}/result.json`)).toBe(undisturbed);
    return stats(output);
  }

  it('ends with the same result over a slow line with jitter', async () => {
    proxy.set({ latencyMs: 60, jitterMs: 40, bytesPerSecond: 200_000 });
    const command = listening('slow');
    const far = worker();
    const { counters } = await endsAsUndisturbed(command, 'slow');
    expect(counters.workersLost).toBe(0);
    expect((await far.endsSoon()).code).toBe(0);
  });

  it('ends with the same result when the connection is reset again and again', async () => {
    const command = listening('reset', '--log-level', 'debug');
    const flapping = worker();
    for (let time = 1; time <= 4; time++) {
      await command.says(new RegExp(`(?:"msg":"task done"[^]*){${2 * time}}`));
      proxy.reset();
      await flapping.says(new RegExp(`(?:"msg":"connection lost; dialling again"[^]*){${time}}`));
    }
    const { counters } = await endsAsUndisturbed(command, 'reset');
    expect(counters.workersLost).toBe(4);
    expect((await flapping.endsSoon()).code).toBe(0);
  });

  it.each(['up', 'down'] as const)(
    'ends with the same result when the connection is closed %s alone, and the worker joins again',
    async (direction) => {
      const command = listening(`half-closed-${direction}`);
      const far = worker();
      await far.says('"msg":"task taken"');
      proxy.halfClose(direction);
      await far.says('connection lost; dialling again');
      await command.says(/(?:"msg":"worker joined"[^]*){2}/);
      const { counters } = await endsAsUndisturbed(command, `half-closed-${direction}`);
      expect(counters.workersLost).toBe(1);
      expect((await far.endsSoon()).code).toBe(0);
    },
  );

  it.each(['drop', 'hold'] as const)(
    'drops a worker behind a network that stalls (%s), takes it again, and ends with the same result',
    { timeout: 120_000 },
    async (flow) => {
      const command = listening(`stalled-${flow}`);
      const far = worker();
      await far.says('"msg":"task taken"');
      proxy.set({ flow });
      await command.says(/no heartbeat for 1[56]\d{3} ms[^\n]*"msg":"worker left"/);
      await command.says('no worker is left; waiting 15 min 00 s for one');
      await far.says('connection lost; dialling again');
      proxy.heal();
      await command.says(/(?:"msg":"worker joined"[^]*){2}/);
      const { counters } = await endsAsUndisturbed(command, `stalled-${flow}`);
      expect(counters.workersLost).toBe(1);
      expect((await far.endsSoon()).code).toBe(0);
    },
  );

  it(
    'gives no more tasks to a worker that is lost three times without a cell, and ends with the others',
    { timeout: 120_000 },
    async () => {
      const command = listening('barren');
      const barren = worker();
      await barren.says('"msg":"task taken"');
      process.kill((await family(barren, 1)).computeChildren[0], 'SIGSTOP'); // it takes tasks and computes nothing
      const isDenied = (): boolean =>
        command.said.includes('"msg":"worker gets no task yet: lost again and again without delivering"');
      for (let time = 1; time <= 5 && !isDenied(); time++) {
        await sleep(6000); // what is lost together counts once
        proxy.reset();
        await command.says(new RegExp(`(?:"msg":"worker joined"[^]*){${time + 1}}`));
        await waitFor(() => isDenied() || taskCount(barren) > time, { timeoutMs: 20_000 });
      }
      expect(isDenied()).toBe(true);
      const able = start(['worker', '--connect', `127.0.0.1:${port}`, '--exit-when-done'], folder.path);
      const { counters } = await endsAsUndisturbed(command, 'barren');
      expect([3, 4]).toContain(counters.workersLost); // the first time it may have delivered something
      expect((await able.endsSoon()).code).toBe(0);
      barren.kill('SIGKILL');
    },
  );

  it('takes a worker that gets through in mid-iteration, and has it compute', async () => {
    proxy.refuse();
    const command = listening('joined', '--workers', 'local:1', '--log-level', 'debug');
    const late = worker();
    await late.says('no coordinator yet; dialling again');
    await command.says('"msg":"task done"');
    const [local] = (await family(command, 1)).computeChildren;
    process.kill(local, 'SIGSTOP'); // so that the iteration is not over before
    await proxy.accept();
    await command.says(/(?:"msg":"worker ready"[^]*){2}/);
    process.kill(local, 'SIGCONT');
    const { workersPerIteration } = await endsAsUndisturbed(command, 'joined');
    expect(workersPerIteration[0]).toHaveLength(2);
    expect((await late.endsSoon()).code).toBe(0);
  });
});
