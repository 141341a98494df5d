import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBlock } from '@blockpruner/blocks';
import { readRunContents, RunFolder, type DecisionRecord, type RunContents } from '@blockpruner/journal';
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

interface Verification {
  readonly iterations: readonly {
    readonly iteration: number;
    readonly mask: string;
    readonly removed: string;
    readonly score: number;
    readonly best: string;
    readonly bestScore: number;
    readonly regretNats: number;
  }[];
  readonly verified: number;
  readonly agreeing: number;
  readonly largestRegretNats: number;
}

/** Every file of a run folder with its bytes: what must not change. */
function filesOf(folder: TemporaryFolder, output: string): Record<string, string> {
  const names = readdirSync(join(folder.path, output)).sort();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(folder.path, output, name), 'hex')]),
  );
}

/** What a verification logs when it has workers. */
const WORKERS = '"msg":"worker ready"';

describe('verify', () => {
  let folder: TemporaryFolder;
  let honest: RunContents;

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    const prune = [...PRUNE, '--remove', '3', '--workers', 'local:1', '--output', 'honest'];
    expect((await run(prune, folder.path)).code).toBe(0);
    honest = await readRunContents(join(folder.path, 'honest'));
    await plant();
  });
  afterAll(() => folder.remove());

  /**
   * A run of two decisions that lacks cells as one that stops early does: its second iteration looked at the winner
   * on the first row only, and removed the runner-up.
   */
  async function plant(): Promise<void> {
    const [first, second] = honest.decisions;
    const planted = await RunFolder.create(join(folder.path, 'planted'), {
      config: honest.config,
      configYaml: read(folder, 'honest/config.yaml'),
      environment: {},
      calibrationRows: honest.rows,
      runId: 'example',
      createdAt: new Date().toISOString(),
    });
    const winner = parseBlock(second.removed);
    const cells = honest.cells.filter(
      ({ mask, candidate, row }) =>
        mask.length < 2 && !(mask.length === 1 && candidate === winner && row > 0),
    );
    planted.appendCells(cells, honest.numericClass!);
    await planted.appendDense(honest.dense!);
    await planted.appendDecision(first);
    await planted.appendDecision({
      ...second,
      removed: second.runnerUp!,
      runnerUp: second.removed,
    } satisfies DecisionRecord);
    await planted.release();
  }

  const verify = (...args: string[]): Promise<Ended> => run(['verify', ...args], folder.path);

  it('finds that an exhaustive run agrees, from its folder alone and without a worker', async () => {
    const before = filesOf(folder, 'honest');
    const ended = await verify('honest');
    expect([ended.code, ended.stderr.includes(WORKERS)]).toEqual([0, false]);
    const lines = ended.stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toBe('3 of 3 iterations agree; largest regret 0 nats');
    for (const { removed } of honest.decisions) expect(ended.stdout).toContain(` ${removed} `);
    expect(ended.stdout).not.toContain('differs');
    expect(filesOf(folder, 'honest')).toEqual(before);
  });

  it('finds a decision that is not the best one, computes what is missing, and says what it costs', async () => {
    const before = filesOf(folder, 'planted');
    const ended = await verify('planted', '--workers', 'local:2', '--json');
    expect([ended.code, ended.stderr.includes(WORKERS)]).toEqual([1, true]);
    const [first, second] = honest.decisions;
    const runnerUp = second.candidates.find(({ block }) => block === second.runnerUp)!;
    const { iterations, verified, agreeing, largestRegretNats } = JSON.parse(ended.stdout) as Verification;
    expect(iterations).toEqual([
      {
        iteration: 1,
        mask: 'dense',
        removed: first.removed,
        score: first.score,
        best: first.removed,
        bestScore: first.score,
        regretNats: 0,
      },
      {
        iteration: 2,
        mask: first.removed,
        removed: second.runnerUp,
        score: runnerUp.score,
        best: second.removed,
        bestScore: second.score,
        regretNats: second.margin,
      },
    ]);
    expect([verified, agreeing, largestRegretNats]).toEqual([2, 1, second.margin]);
    expect(filesOf(folder, 'planted')).toEqual(before);
  });

  it('verifies the iterations that are asked for', async () => {
    const first = await verify('planted', '--iterations', '1');
    expect([first.code, first.stderr.includes(WORKERS)]).toEqual([0, false]);
    expect(first.stdout).toMatch(/1 of 1 iterations agree; largest regret 0 nats\n$/);
    const second = await verify('planted', '--iterations', '2');
    const { removed, runnerUp, margin } = honest.decisions[1];
    const line = second.stdout.split('\n').find((each) => each.includes('differs'));
    expect([line?.includes(removed), line?.includes(runnerUp!)]).toEqual([true, true]);
    expect(second.code).toBe(1);
    expect(second.stdout).toContain(
      `0 of 1 iterations agree; largest regret ${margin!.toExponential(2)} nats\n`,
    );
  });

  it('refuses iterations that the run does not have, and says which it has', async () => {
    for (const [list, says] of [
      ['4', '--iterations 4: 4 is not among the iterations of the run; name some of 1 to 3'],
      ['1,0-2', '--iterations 1,0-2: 0-2 is not among the iterations of the run; name some of 1 to 3'],
      ['mha.1', '--iterations must be numbers and ranges, e.g. 1,3-5; got "mha.1"'],
    ]) {
      const ended = await verify('honest', '--iterations', list);
      expect([ended.code, errorLine(ended)]).toEqual([2, says]);
    }
  });

  it('refuses a folder without a decision, and another model', async () => {
    const command = start(
      [...PRUNE, '--remove', '1', '--listen', '127.0.0.1:0', '--output', 'empty'],
      folder.path,
    );
    await command.says('waiting for workers');
    command.kill('SIGINT');
    await command.ended;
    const empty = await verify('empty');
    expect([empty.code, errorLine(empty)]).toEqual([1, expect.stringContaining('empty has no decision yet')]);

    await writeTinyModel(join(folder.path, 'other'), { ...TINY_MODELS['llama-gqa-untied'], seed: 99 });
    const other = await verify('honest', '--model', 'other');
    expect(other.code).toBe(1);
    expect(errorLine(other)).toMatch(/other has fingerprint .*the run was created with .*--model/);
  });

  it(
    'computes nothing in another numeric class than the run, unless told to',
    { timeout: 120_000 },
    async () => {
      const args = ['planted', '--workers', 'local:1', '--dtype', 'fp16'];
      const refused = await verify(...args);
      expect(refused.code).toBe(1);
      expect(errorLine(refused)).toMatch(/numeric class ".*fp16.*--mixed-classes/);
      const mixed = await verify(...args, '--mixed-classes', '--json');
      expect(mixed.stderr).toContain('the scores used two numeric classes');
      expect((JSON.parse(mixed.stdout) as Verification).verified).toBe(2);
    },
  );

  it('weighs calibration sets as the run does, and leaves held-out rows out', async () => {
    writeFileSync(
      join(folder.path, 'more.json'),
      JSON.stringify(honest.rows.slice(2).map((row) => [...row].reverse())),
    );
    const sets = [
      '--calibration',
      'rows.json:0.25',
      '--calibration',
      'more.json:0.75',
      '--held-out',
      'more.json',
    ];
    const prune = [
      'prune',
      '--model',
      'model',
      ...sets,
      '--remove',
      '2',
      '--workers',
      'local:1',
      '--output',
      'sets',
    ];
    expect((await run(prune, folder.path)).code).toBe(0);
    const { decisions } = await readRunContents(join(folder.path, 'sets'));
    const ended = await verify('sets', '--json');
    expect([ended.code, ended.stderr.includes(WORKERS)]).toEqual([0, false]);
    const { iterations } = JSON.parse(ended.stdout) as Verification;
    expect(iterations.map(({ bestScore }) => bestScore)).toEqual(decisions.map(({ score }) => score));
  });

  it('reads the options of the run from its folder, wherever that is now', async () => {
    cpSync(join(folder.path, 'honest'), join(folder.path, 'elsewhere/run'), { recursive: true });
    const yaml = read(folder, 'elsewhere/run/config.yaml').replace(/^model: .*$/m, 'model: /nowhere # flag');
    writeFileSync(join(folder.path, 'elsewhere/run/config.yaml'), yaml);
    const lost = await verify('elsewhere/run');
    expect([lost.code, errorLine(lost)]).toEqual([1, expect.stringContaining('/nowhere')]);
    expect((await verify('elsewhere/run', '--model', 'model')).code).toBe(0);
  });
});

describe('verify, while', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await slowWorkspace();
  });
  afterAll(() => folder.remove());

  it('the run goes on, takes it as far as it is', { timeout: 120_000 }, async () => {
    const output = ['--workers', 'local:1', '--output', 'going-on'];
    const pruning = start([...PRUNE, '--remove', '8', ...output], folder.path);
    await pruning.says('"msg":"iteration"');
    const ended = await run(['verify', 'going-on', '--iterations', '1'], folder.path);
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('1 of 1 iterations agree')]);
    pruning.kill('SIGINT');
    expect((await pruning.ended).lastLine).toContain('blockpruner resume going-on');
  });

  it('workers compute, ends at once by Ctrl-C and leaves no process', { timeout: 120_000 }, async () => {
    const whole = await readRunContents(join(folder.path, 'going-on'));
    const bare = await RunFolder.create(join(folder.path, 'bare'), {
      config: whole.config,
      configYaml: read(folder, 'going-on/config.yaml'),
      environment: {},
      calibrationRows: whole.rows,
      runId: 'example',
      createdAt: new Date().toISOString(),
    });
    await bare.appendDense(whole.dense!);
    await bare.appendDecision(whole.decisions[0]);
    await bare.release();
    const command = start(['verify', 'bare', '--workers', 'local:2'], folder.path);
    const { all } = await family(command, 2);
    command.kill('SIGINT');
    const ended = await command.endsSoon();
    expect([ended.code, ended.stdout]).toEqual([130, '']);
    await allGone(all);
  });
});
