import { freePort, waitFor, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allGone, Command, family, PRUNE, read, run, slowWorkspace, start } from './command.ts';

interface Counters {
  readonly workersLost: number;
  readonly protocolFaults: number;
}

describe('a worker that is told to stop', { timeout: 120_000 }, () => {
  let folder: TemporaryFolder;
  let undisturbed: string;
  let port: number;

  const prune = (output: string): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--log-level', 'debug', '--output', output, '--listen', `127.0.0.1:${port}`],
  ];
  /** It leads a process group, as in a terminal or a systemd unit. */
  const worker = (...args: string[]): Command =>
    new Command(
      ['worker', '--connect', `127.0.0.1:${port}`, '--threads', '1', '--log-level', 'debug', ...args],
      folder.path,
      {},
      true,
    );

  beforeAll(async () => {
    folder = await slowWorkspace();
    port = await freePort();
    const args = [...PRUNE, '--remove', '2', '--workers', 'local:2', '--output', 'undisturbed'];
    expect((await run(args, folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  /** Waits until the worker has a task in hand in the second iteration. */
  async function isBusy(coordinator: Command, busy: Command): Promise<void> {
    await coordinator.says('"msg":"iteration"');
    const tasksTaken = (): number => busy.said.split('"msg":"task taken"').length;
    const before = tasksTaken();
    await waitFor(() => tasksTaken() > before, { timeoutMs: 60_000 });
  }

  async function finishes(coordinator: Command, output: string): Promise<Counters> {
    const next = worker('--exit-when-done');
    expect((await coordinator.ended).code).toBe(0);
    expect((await next.endsSoon()).code).toBe(0);
    expect(read(folder, `${output}/result.json`)).toBe(undisturbed);
    return (JSON.parse(read(folder, `${output}/stats.json`)) as { counters: Counters }).counters;
  }

  it.each<[string, (stopped: Command) => void]>([
    ['worker', (stopped) => stopped.kill('SIGTERM')],
    ['process-group', (stopped) => stopped.signalGroup('SIGTERM')],
  ])('finishes the task in hand, gives the others back and exits 0: SIGTERM to the %s', async (to, stop) => {
    const output = `drained-${to}`;
    const coordinator = start(prune(output), folder.path);
    const stopped = worker('--drain-grace', '1h');
    const { all } = await family(stopped, 1);
    await isBusy(coordinator, stopped);
    stop(stopped);
    const ended = await stopped.endsSoon();
    expect(ended.code).toBe(0);
    await allGone(all);
    const task = /"task":"(t\d+)","msg":"draining: finishing the task in hand, for 1 h 00 min at most"/.exec(
      ended.stderr,
    )?.[1];
    expect(ended.stderr).toMatch(/"reason":"terminated","msg":"leaving"/);
    await coordinator.says(/"how":"drained","reason":"terminated"[^\n]*"msg":"worker left"/);
    const after = coordinator.said.slice(coordinator.said.indexOf('"msg":"worker draining"'));
    expect(after).toMatch(new RegExp(`"task":"${task}"[^\\n]*"msg":"task done"[^]*"msg":"worker left"`));
    expect(after).not.toMatch(new RegExp(`"task":"${task}"[^\\n]*"msg":"task reissued"`));
    expect(await finishes(coordinator, output)).toMatchObject({ workersLost: 0, protocolFaults: 0 });
  });

  it('gives the task in hand back too when that takes longer than the grace time', async () => {
    const coordinator = start(prune('hurried'), folder.path);
    const stopped = worker('--drain-grace', '1ms');
    const { all } = await family(stopped, 1);
    await isBusy(coordinator, stopped);
    const compute = all.at(-1)!;
    process.kill(compute, 'SIGSTOP'); // the task takes for ever
    stopped.kill('SIGTERM');
    const ended = await stopped.endsSoon();
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('terminated; the task in hand takes longer than 0.0 s');
    await allGone(all);
    expect(await finishes(coordinator, 'hurried')).toMatchObject({ workersLost: 0, protocolFaults: 0 });
  });

  it('is not ready while it drains, and leaves at once at a second SIGTERM', async () => {
    const coordinator = start(prune('impatient'), folder.path);
    const metrics = `127.0.0.1:${await freePort()}`;
    const stopped = worker('--drain-grace', '1h', '--metrics-listen', metrics);
    const readyz = async (): Promise<string> => (await fetch(`http://${metrics}/readyz`)).text();
    const { all } = await family(stopped, 1);
    await isBusy(coordinator, stopped);
    process.kill(all.at(-1)!, 'SIGSTOP');
    expect(await readyz()).toBe('ok\n');
    stopped.kill('SIGTERM');
    await stopped.says('draining: finishing the task in hand');
    expect(await readyz()).toBe('draining: terminated\n');
    stopped.kill('SIGTERM');
    expect((await stopped.endsSoon()).code).toBe(0);
    await allGone(all);
    expect(await finishes(coordinator, 'impatient')).toMatchObject({ workersLost: 0 });
  });

  it('leaves when the coordinator dies while it finishes a task', async () => {
    const coordinator = start(prune('orphaned'), folder.path);
    const stopped = worker('--drain-grace', '1h');
    const { all } = await family(stopped, 1);
    await isBusy(coordinator, stopped);
    process.kill(all.at(-1)!, 'SIGSTOP');
    stopped.kill('SIGTERM');
    await coordinator.says('"msg":"worker draining"');
    coordinator.kill('SIGKILL');
    expect((await stopped.endsSoon()).code).toBe(0);
    await allGone(all);
  });

  it('leaves at once where it has nothing in hand', async () => {
    const waiting = worker();
    await waiting.says('no coordinator yet; dialling again');
    waiting.kill('SIGTERM');
    const ended = await waiting.endsSoon();
    expect(ended.code).toBe(0);
    expect(ended.stderr).not.toContain('draining');
  });
});
