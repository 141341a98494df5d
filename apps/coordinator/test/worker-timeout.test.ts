import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, slowWorkspace, start, type Command } from './command.ts';

describe('a run without workers', { timeout: 120_000 }, () => {
  let folder: TemporaryFolder;
  let undisturbed: string;
  let port: number;

  const listen = (timeout: string): string[] => [
    ...['--listen', `127.0.0.1:${port}`, '--worker-timeout', timeout],
  ];
  const prune = (output: string, ...args: string[]): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--output', output, ...args],
  ];
  /** Runs what the line says, in which no path has a space. */
  const follow = (line: string, command: string): Command => {
    const words = new RegExp(`blockpruner (${command}[^;]*)`).exec(line)?.[1].split(' ') ?? [];
    return start(words, folder.path);
  };

  beforeAll(async () => {
    folder = await slowWorkspace();
    port = await freePort();
    expect((await run(prune('undisturbed', '--workers', 'local:2'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  /** The lines that it ends with are all that it takes to go on. */
  async function goesOnAsSaid(line: string, output: string): Promise<void> {
    expect(existsSync(join(folder.path, output, 'owner.json'))).toBe(false);
    const worker = follow(line, 'worker');
    const resume = follow(line, 'resume');
    expect((await resume.ended).code).toBe(0);
    expect(read(folder, `${output}/result.json`)).toBe(undisturbed);
    worker.kill('SIGTERM');
    expect((await worker.endsSoon()).code).toBe(0);
  }

  it('ends with one line that says how to start some and how to go on', async () => {
    const ended = await run(prune('nobody', ...listen('1s')), folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      `no worker for 1.0 s (--worker-timeout); start some with: blockpruner worker --connect 127.0.0.1:${port}; ` +
        `then go on with: blockpruner resume nobody --listen 127.0.0.1:${port}`,
    ]);
    expect(read(folder, 'nobody/journal.jsonl')).toMatch(/"kind":"interrupted","reason":"no worker for/);
    const status = await run(['status', 'nobody', '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped', decisions: [] });
    // The run remembers its worker timeout, which is shorter than a worker takes to start.
    await goesOnAsSaid(`${ended.lastLine} --worker-timeout 2min`, 'nobody');
  });

  it('keeps what was computed when the last worker goes and none comes', async () => {
    const command = start(prune('deserted', ...listen('15s')), folder.path);
    const last = start(['worker', '--connect', `127.0.0.1:${port}`], folder.path);
    await command.says('"msg":"iteration"');
    last.kill('SIGKILL');
    const ended = await command.ended;
    expect(ended.stderr).toContain(
      `"msg":"no worker is left; waiting 15 s for one: blockpruner worker --connect 127.0.0.1:${port}"`,
    );
    expect([ended.code, errorLine(ended)]).toEqual([1, expect.stringMatching(/^no worker for 15 s/)]);
    const status = await run(['status', 'deserted', '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped' });
    await goesOnAsSaid(`${ended.lastLine} --worker-timeout 2min`, 'deserted');
  });

  it('waits for one that comes in time', async () => {
    const command = start(prune('late', ...listen('60s')), folder.path);
    await command.says('waiting for workers');
    const late = start(['worker', '--connect', `127.0.0.1:${port}`, '--exit-when-done'], folder.path);
    expect((await command.ended).code).toBe(0);
    expect((await late.endsSoon()).code).toBe(0);
    expect(read(folder, 'late/result.json')).toBe(undisturbed);
  });

  it('ends score as well', async () => {
    const args = ['score', '--model', 'model', '--calibration', 'rows.json', ...listen('1s')];
    const ended = await run(args, folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      `no worker for 1.0 s (--worker-timeout); start some with: blockpruner worker --connect 127.0.0.1:${port}`,
    ]);
  });

  it.each(['0s', '15', 'soon', '25d'])('refuses a worker timeout of %s', async (timeout) => {
    const ended = await run(prune('refused', ...listen(timeout)), folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      2,
      `--worker-timeout must be a time above 0, e.g. 90s, 15min or 2h; got "${timeout}"`,
    ]);
  });
});
