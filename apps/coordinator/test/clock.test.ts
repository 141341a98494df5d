import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PRUNE, read, run, slowWorkspace, start } from './command.ts';

const FALLING = {
  NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'falling-clock.ts')).href}`,
};

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await slowWorkspace();
});
afterAll(() => folder.remove());

it(
  'computes, is killed, goes on and ends as ever while the wall clock is set back',
  { timeout: 120_000 },
  async () => {
    const prune = (output: string): string[] => [
      ...PRUNE,
      ...['--remove', '3', '--workers', 'local:2', '--output', output],
    ];
    expect((await run(prune('undisturbed'), folder.path)).code).toBe(0);
    const command = start(prune('falling'), folder.path, FALLING);
    await command.says('"msg":"iteration"');
    command.kill('SIGKILL');
    await command.ended;
    const resumed = await run(['resume', 'falling'], folder.path, FALLING);
    expect(resumed.code).toBe(0);
    expect(read(folder, 'falling/result.json')).toBe(read(folder, 'undisturbed/result.json'));

    const lines = read(folder, 'falling/log.jsonl').trimEnd().split('\n');
    const times = lines.map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
    const steps = times.slice(1).map((time, i) => time - times[i]);
    expect(steps.filter((step) => step < -3_000_000).length).toBeGreaterThan(1);
    const seconds = (JSON.parse(read(folder, 'falling/stats.json')) as { secondsPerIteration: number[] })
      .secondsPerIteration;
    expect(seconds.every((value) => value > 0 && value < 100)).toBe(true);
  },
);
