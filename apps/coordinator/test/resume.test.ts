import { cpSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TINY_MODELS, writeTinyModel, type TemporaryFolder } from '@blockpruner/testkit';
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
  workspace,
  type Ended,
} from './command.ts';

describe('a run that is killed', () => {
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

  async function resumed(output: string): Promise<Ended> {
    const ended = await run(['resume', output], folder.path);
    expect(ended.code).toBe(0);
    expect(read(folder, `${output}/result.json`)).toBe(undisturbed);
    return ended;
  }

  it('leaves no process behind, and can be resumed at once', async () => {
    const command = start(prune('killed'), folder.path);
    const { all } = await family(command, 2);
    await command.says('"msg":"iteration"');
    command.kill('SIGKILL');
    expect((await command.ended).signal).toBe('SIGKILL');
    await allGone(all);
    const status = await run(['status', 'killed', '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped' });
    const ended = await resumed('killed');
    expect(ended.stderr).toContain('resuming after the last decision');
    expect(ended.stderr).not.toContain('waiting up to');
    expect(ended.stderr.match(/"msg":"iteration"/g)?.length).toBe(1);
  });

  it('reaches the same end after being killed again and again', async () => {
    const first = start(prune('often'), folder.path);
    await first.says('"msg":"worker ready"');
    first.kill('SIGKILL');
    await first.ended;
    for (let time = 0; time < 3; time++) {
      const command = start(['resume', 'often'], folder.path);
      await command.says('"msg":"worker ready"').catch(() => undefined); // it may have finished already
      await sleep(600 * Math.random());
      command.kill('SIGKILL');
      await command.ended;
    }
    await resumed('often');
    const lines = read(folder, 'often/iterations.jsonl').trimEnd().split('\n');
    const iterations = lines.map((line) => JSON.parse(line) as { iteration: number });
    expect(iterations.map(({ iteration }) => iteration)).toEqual([1, 2]);
  });
});

describe('resume', () => {
  let folder: TemporaryFolder;
  let finished: Ended;

  const prune = (output: string): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--workers', 'local:1', '--output', output],
  ];

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    finished = await run(prune('finished'), folder.path);
    expect(finished.code).toBe(0);
    const command = start(prune('stopped'), folder.path);
    await command.says('run folder ready');
    command.kill('SIGKILL');
    await command.ended;
  });
  afterAll(() => folder.remove());

  const at = (...parts: string[]): string => join(folder.path, ...parts);

  async function refused(args: string[], message: RegExp): Promise<void> {
    const ended = await run(['resume', 'stopped', ...args], folder.path);
    expect(errorLine(ended)).toMatch(message);
    expect(ended.code).toBe(1);
  }

  it('prints the result of a run that has finished again', async () => {
    const again = await run(['resume', 'finished'], folder.path);
    expect([again.code, again.stdout]).toEqual([0, finished.stdout]);
    const json = await run(['resume', 'finished', '--json'], folder.path);
    expect(JSON.parse(json.stdout)).toEqual({
      ...(JSON.parse(read(folder, 'finished/result.json')) as object),
      folder: at('finished'),
    });
  });

  it('refuses another model', async () => {
    await writeTinyModel(at('other'), { ...TINY_MODELS['llama-gqa-untied'], seed: 99 });
    await refused(['--model', 'other'], /stopped: modelFingerprint is .* now, the run was created with/);
    renameSync(at('model'), at('original'));
    renameSync(at('other'), at('model'));
    await refused([], /stopped: modelFingerprint is/);
    renameSync(at('model'), at('other'));
    renameSync(at('original'), at('model'));
  });

  it('refuses rows.json when it has been edited', async () => {
    const rows = read(folder, 'stopped/rows.json');
    writeFileSync(at('stopped/rows.json'), rows.replace(/\d+,/, '5,'));
    await refused([], /stopped: rows\.json has changed since the run was created/);
    writeFileSync(at('stopped/rows.json'), rows);
  });

  it.each([
    ['remove: 2', 'remove: 3', /stopped: stop is .*3.* now, the run was created with .*2/],
    ['block-type: mix', 'block-type: mha', /stopped: blockType is "mha" now/],
    ['remove: 2', 'remove: two', /config\.yaml: remove must be a whole number.*got "two"/],
  ])('refuses a config.yaml in which %s has become %s', async (from, to, message) => {
    const yaml = read(folder, 'stopped/config.yaml');
    expect(yaml).toContain(from);
    writeFileSync(at('stopped/config.yaml'), yaml.replace(from, to));
    await refused([], message);
    writeFileSync(at('stopped/config.yaml'), yaml);
  });

  it('refuses a folder whose journal has been damaged in the middle', async () => {
    cpSync(at('finished'), at('damaged'), { recursive: true });
    const journal = read(folder, 'damaged/journal.jsonl').split('\n');
    journal[1] = journal[1].replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
    writeFileSync(at('damaged/journal.jsonl'), journal.join('\n'));
    const ended = await run(['resume', 'damaged'], folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([1, expect.stringMatching(/damaged.*journal\.jsonl/)]);
  });

  it('takes the rows that the run keeps, whatever has become of the calibration file', async () => {
    cpSync(at('stopped'), at('kept'), { recursive: true });
    renameSync(at('rows.json'), at('rows-elsewhere.json'));
    const ended = await run(['resume', 'kept'], folder.path);
    renameSync(at('rows-elsewhere.json'), at('rows.json'));
    expect(ended.code).toBe(0);
    expect(read(folder, 'kept/result.json')).toBe(read(folder, 'finished/result.json'));
  });

  it('works from another working directory, and with the model in another place', async () => {
    cpSync(at('stopped'), at('elsewhere/run'), { recursive: true });
    renameSync(at('model'), at('moved'));
    const ended = await run(['resume', 'run', '--model', at('moved')], at('elsewhere'));
    renameSync(at('moved'), at('model'));
    expect(ended.code).toBe(0);
    expect(read(folder, 'elsewhere/run/result.json')).toBe(read(folder, 'finished/result.json'));
  });

  it('refuses a run that another process has, and takes it over once that one leaves', async () => {
    const owner = start(
      [...PRUNE, ...['--remove', '2', '--listen', '127.0.0.1:0', '--output', 'owned']],
      folder.path,
    );
    await owner.says('waiting for workers');
    const resume = ['resume', 'owned', '--workers', 'local:1'];
    const ended = await run(resume, folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringContaining(`owned is in use by process ${owner.pid}`),
    ]);
    const taker = start(resume, folder.path);
    await taker.says('waiting up to');
    owner.kill('SIGINT');
    expect((await owner.endsSoon()).code).toBe(130);
    expect((await taker.ended).code).toBe(0);
    expect(read(folder, 'owned/result.json')).toBe(read(folder, 'finished/result.json'));
  });

  it('prints the result of a run that finishes while it waits for it', async () => {
    const owner = start(prune('raced'), folder.path);
    await owner.says('run folder ready');
    const ended = await run(['resume', 'raced'], folder.path);
    expect((await owner.ended).code).toBe(0);
    // Where the run takes long enough to show that it lives, it is not waited for.
    expect(ended.code === 0 ? ended.stdout : errorLine(ended)).toMatch(/run folder: raced|raced is in use/);
  });

  it('goes on with what had been there before it was refused', async () => {
    expect((await run(['resume', 'stopped'], folder.path)).code).toBe(0);
    expect(read(folder, 'stopped/result.json')).toBe(read(folder, 'finished/result.json'));
  });
});
