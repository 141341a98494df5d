import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TINY_MODELS, tinyRows, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, read, run, slowWorkspace, start, workspace, type Ended } from './command.ts';

interface Scored {
  readonly score: number;
  readonly perplexity: number;
  readonly heldOut: { readonly score: number; readonly perplexity: number };
}

interface SetScore {
  readonly score: number;
  readonly best: string;
  readonly gainNats: number;
}

interface Result {
  readonly rowCount: number;
  readonly sets: readonly { readonly rowCount: number; readonly weight: number }[];
  readonly heldOutRowCount: number;
  readonly dense: Scored;
  readonly decisions: readonly (Scored & {
    readonly removed: string;
    readonly setScores: readonly SetScore[];
  })[];
  readonly mask: string;
  readonly pruned: Scored;
}

const SPEC = TINY_MODELS['llama-gqa-untied'];

function writeRows(folder: TemporaryFolder, file: string, seed: number, rowTokens: readonly number[]): void {
  const rows = tinyRows(SPEC.vocabSize, seed, rowTokens).map((row) => [...row]);
  writeFileSync(join(folder.path, file), JSON.stringify(rows));
}

const json = (folder: TemporaryFolder, file: string): unknown => JSON.parse(read(folder, file));

const SETS = ['--calibration', 'rows.json:3', '--calibration', 'more.json:1'];
const HELD_OUT = ['--held-out', 'held-out.json'];

describe('a run on two calibration sets, with held-out rows', () => {
  let folder: TemporaryFolder;
  let ended: Ended;
  let result: Result;

  const prune = (output: string, ...args: string[]): string[] => [
    ...['prune', '--model', 'model', ...args],
    ...['--remove', '3', '--workers', 'local:1', '--output', output],
  ];
  const scores = async (mask: string, ...calibration: string[]): Promise<number[]> => {
    const args = [
      'score',
      '--model',
      'model',
      ...calibration,
      '--mask',
      mask,
      '--workers',
      'local:1',
      '--json',
    ];
    const scored = await run(args, folder.path);
    expect(scored.code).toBe(0);
    const { masks } = JSON.parse(scored.stdout) as { masks: { score: number; sets?: { score: number }[] }[] };
    return [masks[0].score, ...(masks[0].sets ?? []).map(({ score }) => score)];
  };

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    writeRows(folder, 'more.json', 5, [40, 60]);
    writeRows(folder, 'held-out.json', 6, [50, 33, 90]);
    ended = await run(prune('both', ...SETS, ...HELD_OUT), folder.path);
    expect(ended.code).toBe(0);
    result = json(folder, 'both/result.json') as Result;
  });
  afterAll(() => folder.remove());

  it('decides by the weighted mean of their scores, which score gives too, beside each one', async () => {
    expect(result).toMatchObject({
      rowCount: 7,
      sets: [
        { rowCount: 5, weight: 0.75 },
        { rowCount: 2, weight: 0.25 },
      ],
      heldOutRowCount: 3,
    });
    const [all, first, second] = await scores(result.mask, ...SETS);
    expect(all).toBe(result.pruned.score);
    expect(result.decisions.at(-1)?.setScores.map(({ score }) => score)).toEqual([first, second]);
    expect(all).toBeCloseTo(0.75 * first + 0.25 * second, 12);
    expect(await scores(result.mask, '--calibration', 'more.json')).toEqual([second]);
  });

  it('scores the dense and each pruned model on the held-out rows, which decide nothing', async () => {
    const [heldOut] = await scores(result.mask, '--calibration', 'held-out.json');
    expect(result.pruned.heldOut).toEqual({ score: heldOut, perplexity: Math.exp(heldOut) });
    expect((await run(prune('without', ...SETS), folder.path)).code).toBe(0);
    const without = json(folder, 'without/result.json') as Result;
    const bare = (scored: Scored): object => ({ ...scored, heldOut: undefined });
    expect(without.decisions).toEqual(result.decisions.map(bare));
    expect(without.dense).toEqual(bare(result.dense));
    const lines = (file: string): object[] =>
      read(folder, file)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object);
    expect(lines('both/iterations.jsonl')).toMatchObject(
      result.decisions.map(({ removed, heldOut, setScores }) => ({ removed, heldOut, setScores })),
    );
  });

  it('warns once an iteration of a set that would have chosen otherwise, and counts those at the end', () => {
    const otherwise = result.decisions.map(({ removed, setScores }) =>
      setScores.map(({ best }) => best !== removed),
    );
    const warned = ended.stderr.match(/the calibration sets disagree with/g) ?? [];
    expect(warned).toHaveLength(otherwise.filter((sets) => sets.includes(true)).length);
    expect(warned.length).toBeGreaterThan(0);
    const counts = [0, 1].map((set) => otherwise.filter((sets) => sets[set]).length);
    expect(ended.stdout).toContain(
      `of 3 iterations, the calibration sets alone would have chosen otherwise: set 1 in ${counts[0]}, set 2 in ${counts[1]}`,
    );
    for (const { removed, setScores } of result.decisions) {
      for (const { best, gainNats } of setScores) expect(gainNats > 0).toBe(best !== removed);
    }
  });

  it('shows the held-out perplexity in table, iteration lines and status', async () => {
    const { dense, decisions } = result;
    const [line] = ended.stderr
      .split('\n')
      .filter((each) => each.includes('"msg":"iteration"'))
      .map((each) => JSON.parse(each) as object);
    expect(line).toMatchObject({
      rows: 7,
      heldOutPerplexity: decisions[0].heldOut.perplexity,
      heldOutDeltaNats: decisions[0].heldOut.score - dense.heldOut.score,
    });
    const status = await run(['status', 'both'], folder.path);
    expect(status.stdout).toContain('; 7 rows in 2 sets, and 3 held-out ones');
    for (const output of [ended.stdout, status.stdout]) {
      expect(output).toContain('held-out');
      for (const { heldOut } of decisions) expect(output).toContain(heldOut.perplexity.toFixed(4));
    }
    expect(ended.stdout).toMatch(
      /perplexity rose by a factor of \d+\.\d{4} on held-out rows, of \d+\.\d{4} on/,
    );
  });

  it('keeps in config.yaml what was asked for, so that it can be asked for again', async () => {
    const again = ['prune', '--config', 'both/config.yaml', '--output', 'again'];
    expect((await run(again, folder.path)).code).toBe(0);
    expect(read(folder, 'again/result.json')).toBe(read(folder, 'both/result.json'));
  });

  it('takes sets without weights as equals, also from a config file', async () => {
    writeFileSync(join(folder.path, 'equal.yaml'), 'calibration: [rows.json, more.json]\n');
    const dry = ['prune', '--model', 'model', '--remove', '1', '--workers', 'local:1', '--dry-run'];
    const flags = await run(
      [...dry, '--calibration', 'rows.json', '--calibration', 'more.json'],
      folder.path,
    );
    const listed = await run([...dry, '--config', 'equal.yaml'], folder.path);
    for (const { stdout } of [flags, listed]) {
      expect(stdout).toContain('in 2 sets: 5 rows of weight 0.5000, 2 rows of weight 0.5000');
    }
  });

  it('gives for one set, with a weight or without, the bytes that it always gave', async () => {
    expect((await run(prune('bare', '--calibration', 'rows.json'), folder.path)).code).toBe(0);
    expect((await run(prune('weighed', '--calibration', 'rows.json:0.2'), folder.path)).code).toBe(0);
    const bare = read(folder, 'bare/result.json');
    expect(read(folder, 'weighed/result.json')).toBe(bare);
    expect(bare).not.toMatch(/"sets"|setScores|heldOut/);
  });

  it('warns of held-out rows that are calibration rows too', async () => {
    const dry = prune('never', ...SETS, '--held-out', 'more.json', '--dry-run');
    expect((await run(dry, folder.path)).stderr).toContain('2 of 2 held-out rows are calibration rows too');
  });

  it.concurrent.each<[string, string[], RegExp]>([
    [
      'a weight of some sets only',
      ['--calibration', 'rows.json:1', '--calibration', 'more.json'],
      /more\.json has no weight, and rows\.json has 1/,
    ],
    [
      'a weight of nothing',
      ['--calibration', 'rows.json:0'],
      /rows\.json:0: the weight 0 is not a number from/,
    ],
    [
      'held-out rows without a text',
      ['--calibration', 'rows.json', '--held-out-rows', '2'],
      /--held-out-rows 2 has no text/,
    ],
  ])('refuses %s before anything is done', async (_what, args, message) => {
    const refused = await run(['prune', '--model', 'nowhere', '--remove', '1', ...args], folder.path);
    expect([refused.code, errorLine(refused)]).toEqual([2, expect.stringMatching(message)]);
  });

  it('names a held-out file that is not there', async () => {
    const missing = await run(prune('never', ...SETS, '--held-out', 'gone.txt'), folder.path);
    expect([missing.code, errorLine(missing)]).toEqual([1, 'gone.txt: no such file or folder']);
  });
});

describe('a run on two calibration sets that is killed', () => {
  it('reaches the end of an undisturbed one, and computes no held-out cell twice', async () => {
    const folder = await slowWorkspace();
    writeRows(folder, 'more.json', 5, [130, 130]);
    writeRows(folder, 'held-out.json', 6, [130, 90]);
    const prune = (output: string): string[] => [
      ...['prune', '--model', 'model', ...SETS, ...HELD_OUT],
      ...['--remove', '2', '--workers', 'local:2', '--output', output],
    ];
    expect((await run(prune('undisturbed'), folder.path)).code).toBe(0);
    const killed = start(prune('killed'), folder.path);
    await killed.says('"msg":"dense model scored"');
    killed.kill('SIGKILL');
    await killed.ended;
    cpSync(join(folder.path, 'killed'), join(folder.path, 'later'), { recursive: true });
    const command = start(['resume', 'later'], folder.path);
    await command.says('"msg":"iteration"');
    command.kill('SIGKILL');
    await command.ended;
    for (const output of ['killed', 'later']) {
      expect((await run(['resume', output], folder.path)).code).toBe(0);
      expect(read(folder, `${output}/result.json`)).toBe(read(folder, 'undisturbed/result.json'));
      const journaled = read(folder, `${output}/journal.jsonl`)
        .trimEnd()
        .split('\n')
        .map(
          (line) => (JSON.parse(line) as { event: { kind: string; mask: string; cells: unknown[][] } }).event,
        )
        .filter(({ kind }) => kind === 'cells')
        .flatMap(({ mask, cells }) =>
          cells.map(([candidate, row]) => `${mask} ${String(candidate)} ${String(row)}`),
        );
      const ofHeldOut = journaled.filter((cell) => Number(cell.split(' ')[2]) >= 12);
      expect(ofHeldOut).toHaveLength(2 * 3); // dense, and after each decision
      expect(new Set(journaled).size).toBe(journaled.length);
    }
    folder.remove();
  });
});
