import { setTimeout as sleep } from 'node:timers/promises';
import { allows, OWN_PROCESSES, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allGone, Command, errorLine, family, PRUNE, read, run, slowWorkspace, start } from './command.ts';

const CAN_ISOLATE = allows(OWN_PROCESSES, 'true', 'a coordinator in a container of its own');

/** Longer than the silence after which a worker is given up. */
const PAUSE_MS = 18_000;

describe('a coordinator that nobody can see', { timeout: 120_000 }, () => {
  let folder: TemporaryFolder;
  let undisturbed: string;

  const prune = (output: string): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--workers', 'local:2', '--output', output],
  ];

  beforeAll(async () => {
    folder = await slowWorkspace();
    expect((await run(prune('undisturbed'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  it.skipIf(!CAN_ISOLATE)(
    'is waited for after its container has died, and then its run goes on',
    async () => {
      const contained = new Command(prune('contained'), folder.path, {}, false, OWN_PROCESSES);
      await contained.says('"msg":"iteration"');
      contained.kill('SIGKILL');
      await contained.ended;
      const resumed = await run(['resume', 'contained'], folder.path);
      expect(resumed.code).toBe(0);
      expect(resumed.stderr).toMatch(/contained was left by process \d+ on [^"]*: waiting up to 30 s to see/);
      expect(read(folder, 'contained/result.json')).toBe(undisturbed);
    },
  );

  it('keeps, though stopped for a while, its workers, whose heartbeats it could not hear', async () => {
    const command = start(prune('paused'), folder.path);
    await command.says('"msg":"iteration"');
    command.kill('SIGSTOP');
    await sleep(PAUSE_MS);
    command.kill('SIGCONT');
    expect((await command.ended).code).toBe(0);
    expect(read(folder, 'paused/result.json')).toBe(undisturbed);
    expect(JSON.parse(read(folder, 'paused/stats.json'))).toMatchObject({ counters: { workersLost: 0 } });
  });

  it('writes nothing more when it was stopped and another has taken its run over meanwhile', async () => {
    const stopped = start(prune('taken'), folder.path);
    const { all } = await family(stopped, 2);
    await stopped.says('"msg":"iteration"');
    stopped.kill('SIGSTOP');
    const taker = await run(['resume', 'taken'], folder.path);
    expect(taker.code).toBe(0);
    expect(taker.stderr).toMatch(
      /taken was left by process \d+ on [^"]*: waiting up to 30 s to see whether it still runs/,
    );
    const files = ['result.json', 'journal.jsonl', 'stats.json'].map((name) => read(folder, `taken/${name}`));
    expect(files[0]).toBe(undisturbed);
    stopped.kill('SIGCONT');
    const ended = await stopped.endsSoon();
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringMatching(/taken now belongs to another process: this process stopped writing to it$/),
    ]);
    expect(
      ['result.json', 'journal.jsonl', 'stats.json'].map((name) => read(folder, `taken/${name}`)),
    ).toEqual(files);
    await allGone(all);
  });
});
