import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { descendants, freePort, processExists, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  allGone,
  errorLine,
  family,
  PRUNE,
  read,
  run,
  slowWorkspace,
  start,
  workersOf,
  type Command,
} from './command.ts';

describe('a run that loses workers', () => {
  let folder: TemporaryFolder;
  let undisturbed: string;

  const prune = (output: string, ...workers: string[]): string[] => [
    ...PRUNE,
    ...['--remove', '3', '--log-level', 'debug', '--output', output],
    ...workers,
  ];
  const TWO = ['--workers', 'local:2'];
  const workersLost = (output: string): number => {
    const stats = JSON.parse(read(folder, `${output}/stats.json`)) as { counters: { workersLost: number } };
    return stats.counters.workersLost;
  };
  /** Waits until the worker has got a task of the second of three iterations. */
  const isBusy = (command: Command, worker: number): Promise<void> =>
    command.says(new RegExp(`"msg":"iteration"[^]*:${worker}"[^\n]*"msg":"task taken"`));

  beforeAll(async () => {
    folder = await slowWorkspace();
    expect((await run(prune('undisturbed', ...TWO), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  it('ends with the same result when a worker is killed, which takes its compute child with it', async () => {
    const command = start(prune('worker', ...TWO), folder.path);
    const { workers, all } = await family(command, 2);
    const [victim] = workers;
    await isBusy(command, victim);
    const itsOwn = descendants(victim);
    expect(itsOwn.length).toBeGreaterThan(0);
    process.kill(victim, 'SIGKILL');
    await allGone([victim, ...itsOwn]);
    const ended = await command.ended;
    expect(ended.code).toBe(0);
    expect(read(folder, 'worker/result.json')).toBe(undisturbed);
    expect(workersLost('worker')).toBe(1);
    expect(ended.stderr).toContain('a local worker died; starting it again');
    await allGone(all);
  });

  it('ends with the same result when a compute child is killed, whose worker lives on', async () => {
    const command = start(prune('child', ...TWO), folder.path);
    const { workers, all } = await family(command, 2);
    const [worker] = workers;
    await isBusy(command, worker);
    process.kill(descendants(worker)[0], 'SIGKILL');
    await command.says('the compute process was killed by SIGKILL');
    expect(processExists(worker)).toBe(true);
    expect((await command.ended).code).toBe(0);
    expect(read(folder, 'child/result.json')).toBe(undisturbed);
    expect(workersLost('child')).toBe(0);
    await allGone(all);
  });

  it('gives up on a local worker that dies again and again, and can be resumed', async () => {
    const command = start(prune('cursed', '--workers', 'local:1'), folder.path);
    const killed = new Set<number>();
    const killer = setInterval(() => {
      for (const worker of workersOf(command)) {
        if (killed.has(worker)) continue;
        killed.add(worker);
        process.kill(worker, 'SIGKILL');
      }
    }, 50);
    const ended = await command.ended;
    clearInterval(killer);
    expect([ended.code, killed.size]).toEqual([1, 6]);
    expect(errorLine(ended)).toMatch(/^local worker 0 died 6 times, the last time by SIGKILL/);
    const resumed = await run(['resume', 'cursed', ...TWO], folder.path);
    expect(resumed.code).toBe(0);
    expect(read(folder, 'cursed/result.json')).toBe(undisturbed);
  });

  it('fails with the reason when none of its workers can load the model', async () => {
    const command = start(prune('unloadable', ...TWO), folder.path);
    await command.says('run folder ready');
    renameSync(join(folder.path, 'model'), join(folder.path, 'moved'));
    const ended = await command.ended;
    renameSync(join(folder.path, 'moved'), join(folder.path, 'model'));
    expect(ended.code).toBe(1);
    expect(errorLine(ended)).toMatch(/^no worker can work: .*model does not exist/);
  });

  it('ends with the same result, and ends at all, when a worker freezes', async () => {
    const port = await freePort();
    const frozen = start(
      ['worker', '--connect', `127.0.0.1:${port}`, '--log-level', 'debug', '--threads', '1'],
      folder.path,
    );
    const args = ['--workers', 'local:1', '--listen', `127.0.0.1:${port}`];
    const command = start(prune('frozen', ...args), folder.path);
    await frozen.says('"msg":"task taken"');
    const { all } = await family(frozen, 1);
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    const ended = await command.ended;
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/no heartbeat for 1\d{4} ms/);
    expect(read(folder, 'frozen/result.json')).toBe(undisturbed);
    expect(workersLost('frozen')).toBe(1);
    for (const pid of all) process.kill(pid, 'SIGCONT');
    frozen.kill('SIGINT');
    expect((await frozen.endsSoon()).code).toBe(130);
    await allGone(all);
  });
});
