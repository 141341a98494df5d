import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TINY_MODELS, writeTinyModel, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, slowWorkspace, start, workspace, type Ended } from './command.ts';

describe('one command for the first start and every later one', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await slowWorkspace();
  });
  afterAll(() => folder.remove());

  it('comes to the end of an undisturbed run, wherever it is killed', async () => {
    const prune = [...PRUNE, '--remove', '2', '--workers', 'local:2'];
    expect((await run([...prune, '--output', 'undisturbed'], folder.path)).code).toBe(0);
    const same = [...prune, '--output', 'runs/current', '--resume'];
    const first = start(same, folder.path);
    await first.says('"msg":"iteration"');
    first.kill('SIGKILL');
    await first.ended;
    for (let time = 0; time < 2; time++) {
      const command = start(same, folder.path);
      await command.says('"msg":"worker ready"').catch(() => undefined); // it may have finished already
      await sleep(600 * Math.random());
      command.kill('SIGKILL');
      await command.ended;
    }
    const ended = await run(same, folder.path);
    expect(ended.code).toBe(0);
    expect(read(folder, 'runs/current/result.json')).toBe(read(folder, 'undisturbed/result.json'));
    const again = await run(same, folder.path);
    expect([again.code, again.stdout]).toEqual([0, ended.stdout]);
    expect(again.stderr).toContain('the run had finished already');
  });
});

describe('prune --resume', () => {
  let folder: TemporaryFolder;
  let first: Ended;
  const CREATED = ['--keep', 'mha.1', '--start-mask', 'mlp.2', '--remove', '2', '--workers', 'local:1'];
  const prune = (...options: string[]): Promise<Ended> =>
    run([...PRUNE, ...CREATED, '--resume', '--output', 'mine', ...options], folder.path);
  const at = (...parts: string[]): string => join(folder.path, ...parts);

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    first = await prune();
    expect(first.code).toBe(0);
  });
  afterAll(() => folder.remove());

  async function refused(options: string[], message: string | RegExp): Promise<void> {
    const ended = await prune(...options);
    expect([ended.code, errorLine(ended)]).toEqual([2, expect.stringMatching(message)]);
  }

  it('goes on with the same meaning in other words, and without the text', async () => {
    renameSync(at('rows.json'), at('moved.json'));
    const words = ['--start-mask', 'mlp.2', '--calibration', at('rows.json')];
    const again = await run(
      [
        'prune',
        '--model',
        at('model'),
        ...words,
        '--keep',
        'mha.1,mha.1',
        '--remove',
        '2',
        '--resume',
      ].concat(['--output', at('mine')]),
      folder.path,
    );
    renameSync(at('moved.json'), at('rows.json'));
    expect([again.code, again.stdout]).toEqual([0, first.stdout]);
  });

  it.each<[string[], RegExp]>([
    [['--rows', '8'], /^--rows is 8, the run in mine was created with 16: give what it was created with/],
    [['--search', 'exhaustive'], /^--search is exhaustive, the run in mine was created with race: /],
    [['--keep', 'mha.2'], /^--keep is mha\.2, the run in mine was created with mha\.1: /],
    [['--start-mask', 'mha.0'], /^--start-mask is mha\.0\+mlp\.2, the run in mine was created with mlp\.2: /],
    [['--held-out', 'rows.json'], /^--held-out is .*rows\.json, the run in mine was created with none: /],
    [['--seq-len', '64'], /^--seq-len is 64, the run in mine was created with 2048: /],
    [['--confirm', 'fp32'], /^--confirm is fp32, the run in mine was created with none: /],
    [['--remove', '1'], /^mine has 2 decisions, and --remove 1 ends after 1: a run is never made shorter/],
  ])('refuses %s, which the run was not created with', refused);

  it('refuses another model, by its content', async () => {
    await writeTinyModel(at('other'), { ...TINY_MODELS['llama-gqa-untied'], seed: 99 });
    cpSync(at('mine'), at('kept'), { recursive: true });
    await refused(
      ['--model', 'other', '--remove', '3'],
      /mine: modelFingerprint is .* now, the run was created with/,
    );
    expect(read(folder, 'mine/journal.jsonl')).toBe(read(folder, 'kept/journal.jsonl'));
  });

  it('refuses to leave open which run it goes on with', async () => {
    const ended = await run([...PRUNE, '--remove', '1', '--resume'], folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      2,
      '--resume goes on with the run in --output: name its folder with --output <dir>',
    ]);
  });

  it('takes the switch from the environment and the config file too', async () => {
    writeFileSync(
      at('run.yaml'),
      'model: model\ncalibration: rows.json\nkeep: mha.1\nstart-mask: [mlp.2]\nremove: 2\n',
    );
    const args = ['prune', '--config', 'run.yaml', '--output', 'mine'];
    expect((await run(args, folder.path)).code).toBe(1);
    const again = await run(args, folder.path, { BLOCKPRUNER_RESUME: '1' });
    expect([again.code, again.stdout]).toEqual([0, first.stdout]);
    writeFileSync(at('run.yaml'), `${read(folder, 'run.yaml')}resume: true\n`);
    expect((await run(args, folder.path)).stdout).toBe(first.stdout);
  });

  it('extends the run for a goal that is further', async () => {
    cpSync(at('mine'), at('further'), { recursive: true });
    expect((await prune('--output', 'further', '--remove', '3')).code).toBe(0);
    expect((await prune('--output', 'straight', '--remove', '3')).code).toBe(0);
    expect(read(folder, 'further/result.json')).toBe(read(folder, 'straight/result.json'));
  });

  /** Makes a folder that a process of another machine was about to make a run in. */
  function leaveHalfMade(name: string): void {
    mkdirSync(at(name));
    const gone = { ownerId: 'a', pid: 2 ** 22 - 1, host: 'elsewhere', bootId: null, pidNamespace: null };
    writeFileSync(at(name, 'owner.json'), JSON.stringify({ ...gone, since: '', heartbeat: 3 }));
  }

  it('can be interrupted while it waits for its predecessor, and leaves that one its folder', async () => {
    leaveHalfMade('waiting');
    const owner = read(folder, 'waiting/owner.json');
    const command = start([...PRUNE, ...CREATED, '--resume', '--output', 'waiting'], folder.path);
    await command.says('waiting up to 30 s');
    command.kill('SIGTERM');
    const ended = await command.endsSoon();
    expect(ended.code).toBe(130);
    expect(ended.lastLine).toContain(
      'interrupted by SIGTERM, before the run folder was ours: nothing is changed',
    );
    expect(read(folder, 'waiting/owner.json')).toBe(owner);
  });

  it('starts anew where a crash came before the run was made', async () => {
    leaveHalfMade('half');
    writeFileSync(at('half/config.yaml.incomplete'), 'mod');
    const ended = await prune('--output', 'half');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('was left by process 4194303 on elsewhere: waiting up to 30 s');
    expect(read(folder, 'half/result.json')).toBe(read(folder, 'mine/result.json'));
    rmSync(at('half'), { recursive: true });
  }, 120_000);

  it('refuses a run that another process has', async () => {
    const waiting = ['--listen', '127.0.0.1:0', '--insecure'];
    const args = [...PRUNE, '--remove', '2', '--resume', '--output', 'owned'];
    const owner = start([...args, ...waiting], folder.path);
    await owner.says('waiting for workers');
    const ended = await run(args, folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringContaining(`owned is in use by process ${owner.pid}`),
    ]);
    owner.kill('SIGTERM');
    expect((await owner.endsSoon()).code).toBe(130);
  });
});
