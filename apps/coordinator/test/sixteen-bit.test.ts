import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TINY_MODELS, tinyRows, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, workspace, type Ended } from './command.ts';

/** Rows on which fp16 swaps the two best candidates, and both dtypes are a thousand times surer than fp32 is exact. */
const SPEC = { ...TINY_MODELS['llama-gqa-untied'], seed: 3 };
const SWAPPING_ROWS = [18, 28, 38];

interface Line {
  readonly removed: string;
  readonly runnerUp: string;
  readonly margin: number;
  readonly candidates: readonly { block: string; score: number; rowCount: number }[];
  readonly belowNoise: boolean;
  readonly confirmed: { readonly candidates: Line['candidates'] } | null;
  readonly numericClasses: readonly string[];
}

describe('a run whose dtype is too coarse for its first decision', () => {
  let folder: TemporaryFolder;
  const ended: Record<string, Ended> = {};

  const prune = async (output: string, ...options: string[]): Promise<void> => {
    // fp16 of a CPU gives the same bits only with the same number of threads.
    const workers = ['--workers', 'local:1', '--threads', '1'];
    const args = [...PRUNE, '--remove', '2', ...workers, '--output', output, ...options];
    ended[output] = await run(args, folder.path);
    expect(ended[output].code, ended[output].stderr).toBe(0);
  };
  const lines = (output: string): Line[] =>
    read(folder, `${output}/iterations.jsonl`)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  const removed = (output: string): string[] => lines(output).map((line) => line.removed);
  const events = (output: string): Record<string, unknown>[] =>
    read(folder, `${output}/journal.jsonl`)
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: Record<string, unknown> }).event);
  /** Of the dense mask: how many cells of others there are depends on what ran ahead. */
  const cellCount = (output: string): number =>
    events(output)
      .filter(({ kind, mask }) => kind === 'cells' && mask === 'dense')
      .reduce((sum, { cells }) => sum + (cells as []).length, 0);

  /** A copy of a run that ended just before its first decision was written down, with its noise known or not. */
  function cutShort(output: string, copy: string, withNoise: boolean): void {
    cpSync(join(folder.path, output), join(folder.path, copy), { recursive: true });
    for (const name of ['result.json', 'removal-order.json', 'stats.json'])
      rmSync(join(folder.path, copy, name));
    const journal = read(folder, `${output}/journal.jsonl`).split('\n');
    const isOf = (kind: string) => (line: string) => line.includes(`"event":{"kind":"${kind}"`);
    const kept = journal.slice(0, journal.findIndex(isOf('decision')));
    expect(kept.some(isOf('noise'))).toBe(true);
    const left = withNoise ? kept : kept.filter((line) => !isOf('noise')(line));
    writeFileSync(join(folder.path, copy, 'journal.jsonl'), left.map((line) => `${line}\n`).join(''));
  }

  beforeAll(async () => {
    folder = await workspace(SPEC);
    const rows = tinyRows(SPEC.vocabSize, SPEC.seed, new Array<number>(60).fill(33));
    writeFileSync(join(folder.path, 'rows.json'), JSON.stringify(SWAPPING_ROWS.map((row) => [...rows[row]])));
    await prune('fp32', '--dtype', 'fp32', '--confirm', 'fp32');
    await prune('fp16', '--dtype', 'fp16');
    await prune('confirmed', '--dtype', 'fp16', '--confirm', 'fp32');
  }, 300_000);
  afterAll(() => folder.remove());

  it('flags the decision that its noise may have made, and says so', () => {
    const [decision] = lines('fp16');
    expect(decision.removed).not.toBe(lines('fp32')[0].removed);
    expect(decision).toMatchObject({ belowNoise: true, confirmed: null });
    expect(decision.numericClasses).toEqual([expect.stringContaining(', fp16, ') as string]);
    expect(ended.fp16.stderr).toMatch(
      /iteration 1: the margin of \S+e-\d nats between mlp\.2 and mlp\.0 is below the noise of \S+e-\d nats; --confirm fp32/,
    );
  });

  it('journals the noise that it measured, keeps it in stats.json, and out of result.json', () => {
    const { noise } = JSON.parse(read(folder, 'fp16/stats.json')) as { noise: Record<string, unknown> };
    expect(events('fp16').filter(({ kind }) => kind === 'noise')).toEqual([
      { kind: 'noise', time: expect.any(String) as string, ...noise },
    ]);
    const [decision] = lines('fp16');
    expect(noise.nats).toBeGreaterThan(decision.margin);
    expect(noise).toMatchObject({ rows: [0, 1], candidates: { length: 8 + 1 } });
    const result = read(folder, 'fp16/result.json');
    expect(result).not.toMatch(/noise|numericClass|confirm/i);
  });

  it('makes the decisions of an fp32 run with --confirm fp32', () => {
    expect(removed('confirmed')).toEqual(removed('fp32'));
    const [decision] = lines('confirmed');
    const [inFp32] = lines('fp32');
    const { candidates } = decision.confirmed ?? { candidates: [] };
    expect(candidates.map(({ block }) => block)).toEqual(expect.arrayContaining(['mlp.0', 'mlp.2']));
    expect(inFp32.candidates).toEqual(expect.arrayContaining([...candidates]));
    expect(decision).toMatchObject({ belowNoise: true, runnerUp: inFp32.runnerUp, margin: inFp32.margin });
    expect(decision.candidates).toEqual(lines('fp16')[0].candidates);
    expect(ended.confirmed.stderr).toMatch(
      /iteration 1: \d candidates are within the noise of \S+ nats; in fp32 mlp\.0 is the best: /,
    );
    expect(JSON.parse(read(folder, 'confirmed/result.json'))).toMatchObject({ confirm: 'fp32' });
  });

  it('keeps its fp32 cells out of cells.bin', () => {
    expect(cellCount('confirmed')).toBe(cellCount('fp32'));
  });

  it(
    'is confirmed again after a crash before the decision, to the same result',
    { timeout: 120_000 },
    async () => {
      for (const withNoise of [true, false]) {
        const copy = `cut-${withNoise}`;
        cutShort('confirmed', copy, withNoise);
        const resumed = await run(['resume', copy], folder.path);
        expect(resumed.code, resumed.stderr).toBe(0);
        expect(read(folder, `${copy}/result.json`)).toBe(read(folder, 'confirmed/result.json'));
      }
    },
  );

  it('is not confirmed by a resume when it was not created so', async () => {
    cutShort('fp16', 'unconfirmed', true);
    const journal = readFileSync(join(folder.path, 'unconfirmed/journal.jsonl'));
    const refused = await run(['resume', 'unconfirmed', '--confirm', 'fp32'], folder.path);
    expect(refused.code).toBe(1);
    expect(errorLine(refused)).toContain('confirm is "fp32" now, the run was created with "none"');
    expect(readFileSync(join(folder.path, 'unconfirmed/journal.jsonl'))).toEqual(journal);
  });

  it('has no noise and nothing to confirm in fp32, and says so once', () => {
    for (const line of lines('fp32')) expect(line).toMatchObject({ belowNoise: false, confirmed: null });
    expect(JSON.parse(read(folder, 'fp32/stats.json'))).toMatchObject({ noise: null });
    expect(ended.fp32.stderr.match(/--confirm fp32 changes nothing/g)).toHaveLength(1);
    expect(ended.confirmed.stderr).not.toContain('changes nothing');
  });
});

describe('a race in fp16', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await workspace(SPEC, new Array<number>(24).fill(33));
  });
  afterAll(() => folder.remove());

  it.each(['score', 'score-per-param'])(
    'knows its noise though it has dropped candidates before the rows that tell it: by %s',
    async (objective) => {
      // With this seed the rows that noise is measured on are among the last that a race looks at.
      const race = ['--confidence', '0.5', '--seed', '26', '--objective', objective];
      const inFp16 = ['--dtype', 'fp16', '--confirm', 'fp32'];
      const workers = ['--workers', 'local:1', '--threads', '1'];
      const ended = await run(
        [...PRUNE, '--remove', '2', ...race, ...inFp16, ...workers, '--output', objective],
        folder.path,
      );
      expect(ended.code, ended.stderr).toBe(0);
      const { noise } = JSON.parse(read(folder, `${objective}/stats.json`)) as {
        noise: { nats: number; candidates: { score: number; scoreInFp32: number }[] };
      };
      const [first] = read(folder, `${objective}/iterations.jsonl`).split('\n');
      const { candidates } = JSON.parse(first) as { candidates: { dropped?: object }[] };
      expect(candidates.some(({ dropped }) => dropped)).toBe(true);
      expect(noise.nats).toBeGreaterThan(0);
      for (const { score, scoreInFp32 } of noise.candidates) expect(score).toBeCloseTo(scoreInFp32, 1);
      // What was measured decides nothing: a resume makes the same of it.
      expect((await run(['resume', objective, '--remove', '3', ...workers], folder.path)).code).toBe(0);
    },
  );
});
