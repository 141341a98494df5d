import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, TINY_MODELS, writeTinyModel, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rankCorrelation } from '../bench/rank-correlation.ts';
import { interleave, spreadOf } from '../bench/timing.ts';

const MAIN = join(import.meta.dirname, '../bench/main.ts');
const SPEC = TINY_MODELS['llama-gqa-untied'];
const BLOCKS = 2 * SPEC.layerCount;

interface Report {
  readonly benchmark: string;
  readonly command: string;
  readonly machine: {
    readonly cores: number;
    readonly loadAverage: readonly number[];
    readonly node: string;
  };
  readonly results: unknown;
}

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

function bench(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' });
}

describe('a benchmark', () => {
  let folder: TemporaryFolder;
  let model: string;
  let otherModel: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    model = join(folder.path, 'model');
    await writeTinyModel(model, SPEC);
    otherModel = join(folder.path, 'other-model');
    await writeTinyModel(otherModel, TINY_MODELS['qwen2-biases']);
  });
  afterAll(() => folder.remove());

  /** A smoke run: its table, and the results of its JSON. */
  function quick<Results>(name: string): { table: string; results: Results } {
    const file = join(folder.path, `${name}.json`);
    const { status, stdout, stderr } = bench(name, '--quick', '--model', model, '--json', file);
    expect([status, stderr.includes('bench:')], stderr).toEqual([0, false]);
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    expect(report.benchmark).toBe(name);
    expect(report.command).toBe(`npm run bench -- ${name} --quick --model ${model} --json ${file}`);
    expect(report.machine.cores).toBeGreaterThan(0);
    expect(report.machine.loadAverage).toHaveLength(3);
    expect(report.machine.node).toBe(process.version);
    expect(stdout).toContain(`command: ${report.command}`);
    return { table: stdout, results: report.results as Results };
  }

  it('sweep sets the ratio of the two sides beside its bound', { timeout: 120_000 }, () => {
    interface Result {
      readonly candidates: number;
      readonly oracleCandidates: number;
      readonly sweepSeconds: Spread;
      readonly oracleSeconds: Spread;
      readonly ratio: Spread;
      readonly bound: number;
      readonly shareOfBound: number;
    }
    const { table, results } = quick<Result[]>('sweep');
    expect(results).toHaveLength(1);
    const [result] = results;
    expect([result.candidates, result.oracleCandidates]).toEqual([BLOCKS, 3]);
    for (const { min, median, max } of [result.sweepSeconds, result.oracleSeconds]) {
      expect(min).toBeGreaterThan(0);
      expect([min, median, max]).toEqual([min, median, max].sort((a, b) => a - b));
    }
    // Sharing prefixes saves at most half of the body, and nothing of the head.
    expect(result.bound).toBeGreaterThan(1);
    expect(result.bound).toBeLessThan(2);
    expect(result.shareOfBound).toBeCloseTo(result.ratio.median / result.bound, 12);
    expect(table).toContain(`the oracle was timed on 3 of ${BLOCKS} candidates`);
  });

  it('peak sets the speed of a sweep beside that of products of its shapes', { timeout: 120_000 }, () => {
    interface Result {
      readonly sweepFlops: number;
      readonly sweepFlopsPerSecond: Spread;
      readonly products: readonly { readonly what: string; readonly flopsPerSecond: Spread }[];
      readonly share: Spread;
    }
    const { table, results } = quick<Result[]>('peak');
    const [{ products, share, sweepFlops, sweepFlopsPerSecond }] = results;
    expect(products.map(({ what }) => what)).toEqual(['query, output', 'gate, up', 'down', 'head', 'square']);
    for (const { flopsPerSecond } of products) expect(flopsPerSecond.min).toBeGreaterThan(1e6);
    expect(sweepFlops).toBeGreaterThan(1e7);
    expect(sweepFlopsPerSecond.min).toBeGreaterThan(0);
    expect(share.max).toBeLessThan(1);
    expect(table).toContain('share of peak');
  });

  it('search records a search once, and replays races on its scores', { timeout: 120_000 }, () => {
    interface Result {
      readonly exhaustive: { readonly removed: readonly string[]; readonly cells: number };
      readonly races: readonly {
        readonly confidence: number;
        readonly wrongIterations: number;
        readonly replays: readonly {
          readonly seed: number;
          readonly cells: number;
          readonly lessWork: number;
        }[];
      }[];
    }
    const { table, results } = quick<Result[]>('search');
    const [{ exhaustive, races }] = results;
    expect([results.length, exhaustive.removed.length]).toEqual([1, 2]);
    expect(exhaustive.cells).toBe(6 * (BLOCKS + BLOCKS - 1));
    expect(races.map(({ confidence }) => confidence)).toEqual([0.9, 1]);
    expect(races[1].wrongIterations).toBe(0);
    for (const { replays } of races) {
      expect(replays.map(({ seed }) => seed)).toEqual([42, 43, 44]);
      for (const { cells, lessWork } of replays) {
        expect(cells).toBeLessThanOrEqual(exhaustive.cells);
        expect(lessWork).toBeGreaterThanOrEqual(1);
      }
    }
    expect(table).toContain(`removes ${exhaustive.removed.join(', ')}`);

    const kept = join(folder.path, 'recordings');
    const again = (...words: string[]) =>
      bench('search', '--quick', '--model', model, '--recordings', kept, ...words);
    expect(again().stderr).toContain('+ blockpruner prune');
    expect(again().stderr).not.toContain('+ blockpruner');
    const other = bench('search', '--quick', '--model', otherModel, '--recordings', kept);
    expect([other.status, other.stdout]).toEqual([2, '']);
    expect(other.stderr).toMatch(/random6 is of another model and other rows: move it away/);
  });

  it('healing sets the scores of healed exports beside those of exports as they are', () => {
    interface Result {
      readonly removed: number;
      readonly denseScore: number;
      readonly score: number;
      readonly healedScore: number;
    }
    const { table, results } = quick<Result[]>('healing');
    expect(results.map(({ removed }) => removed)).toEqual([1, 1, 2, 2]);
    for (const { denseScore, score, healedScore } of results) {
      expect(new Set([denseScore, score, healedScore]).size).toBe(3);
      expect(Math.abs(healedScore - score)).toBeLessThan(0.1); // another scale of the stream, not another model
    }
    expect(table).toMatch(/in which they go: m\S+, m\S+\./);
  });

  it('memory sets the peak of a process beside the formula', { timeout: 180_000 }, () => {
    interface Result {
      readonly weights: string;
      readonly limitPercent: number | 'all memory';
      readonly limitBytes: number;
      readonly residentBytes: number;
      readonly privateBytes: number;
      readonly fileBytes: number;
      readonly formula: { readonly totalBytes: number };
      readonly quotient: number;
    }
    const { table, results } = quick<Result[]>('memory');
    expect(results.map(({ weights }) => weights)).toEqual([
      'own',
      'own',
      'shared, made',
      'shared',
      'own',
      'own',
    ]);
    expect(results.map(({ limitPercent }) => limitPercent)).toEqual([100, 100, 100, 100, 110, 'all memory']);
    for (const result of results) {
      // A Node process with onnxruntime is never below, and one with a model of a megabyte never above.
      expect(result.residentBytes).toBeGreaterThan(50 * 2 ** 20);
      expect(result.residentBytes).toBeLessThan(2 ** 30);
      expect(result.privateBytes).toBeLessThan(result.residentBytes);
      expect(result.fileBytes).toBeLessThan(result.residentBytes);
      const promised = result.limitPercent === 'all memory' ? result.formula.totalBytes : result.limitBytes;
      expect(result.quotient).toBeCloseTo(promised / result.residentBytes, 12);
    }
    expect(table).toContain('/ peak');
  });

  it('cost-model splits the predicted cost by kind of block and head', { timeout: 120_000 }, () => {
    interface Segment {
      readonly flops: number;
      readonly seconds: number;
      readonly mhaShare: number;
      readonly mlpShare: number;
      readonly headShare: number;
    }
    interface Group {
      readonly of: string;
      readonly correlation: number;
    }
    const { results } = quick<{ correlation: Group[]; segments: Segment[] }>('cost-model');
    expect(results.segments.length).toBeGreaterThan(20);
    for (const { mhaShare, mlpShare, headShare, seconds } of results.segments) {
      for (const share of [mhaShare, mlpShare, headShare]) expect(share).toBeGreaterThan(0);
      expect(mhaShare + mlpShare + headShare).toBeCloseTo(1, 12);
      expect(seconds).toBeGreaterThan(0);
    }
    expect(results.correlation[0].of).toBe('all');
    for (const { correlation } of results.correlation) expect(Math.abs(correlation)).toBeLessThanOrEqual(1);
  });

  it('artifacts brings files over a line, and stores them', { timeout: 60_000 }, () => {
    const file = join(folder.path, 'artifacts.json');
    expect(bench('artifacts', '--quick', '--json', file).status).toBe(0);
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as Report;
    const rates = (results as { what: string; megabytesPerSecond: Spread }[]).map((result) => [
      result.what,
      result.megabytesPerSecond.median > 0,
    ]);
    expect(rates).toEqual([
      ['received, window of HTTP/2', true],
      ['received, our window', true],
      ['stored, our window', true],
    ]);
  });

  it('fleet sets what a search gets done beside what the division allows', { timeout: 60_000 }, () => {
    const file = join(folder.path, 'fleet.json');
    expect(bench('fleet', '--quick', '--json', file).status).toBe(0);
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as Report;
    const searches = results as { workers: number; efficiency: number; bound: number }[];
    expect(searches.map(({ workers }) => workers)).toEqual([1, 8]);
    for (const { efficiency, bound } of searches) {
      expect(efficiency).toBeGreaterThan(0.8); // in virtual time: the same on any machine
      expect(efficiency).toBeLessThanOrEqual(bound + 1e-9);
    }
  });

  it('gpu-hours grow with the rows, and fall with what a race leaves out', { timeout: 60_000 }, () => {
    const hours = (...options: string[]): { exhaustiveHours: number; raceHours: number }[] => {
      const file = join(folder.path, 'gpu-hours.json');
      expect(bench('gpu-hours', ...options, '--json', file).status).toBe(0);
      return (JSON.parse(readFileSync(file, 'utf8')) as Report).results as ReturnType<typeof hours>;
    };
    const [usual, twice] = [hours('--saving', '75'), hours('--saving', '75', '--rows', '512')];
    usual.forEach(({ exhaustiveHours, raceHours }, model) => {
      expect(raceHours).toBeCloseTo(exhaustiveHours / 4, 9);
      expect(twice[model].exhaustiveHours).toBeCloseTo(2 * exhaustiveHours, 9);
    });
  });

  it('coordinator hands out one sweep over real connections', { timeout: 60_000 }, () => {
    const file = join(folder.path, 'coordinator.json');
    expect(bench('coordinator', '--quick', '--json', file).status).toBe(0);
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as Report;
    expect(results).toMatchObject({ workers: 20, faults: 0 });
    expect((results as { assignments: number }).assignments).toBeGreaterThan(20);
  });

  it(
    'export-memory writes a model that is a hole on the disk, and removes it again',
    { timeout: 60_000 },
    () => {
      const file = join(folder.path, 'export-memory.json');
      const exports = join(folder.path, 'exports');
      expect(bench('export-memory', '--quick', '--folder', exports, '--json', file).status).toBe(0);
      const { results } = JSON.parse(readFileSync(file, 'utf8')) as Report;
      const written = results as { writtenBytes: number; peakBytes: number; idleBytes: number }[];
      for (const { idleBytes, peakBytes, writtenBytes } of written) {
        expect(writtenBytes).toBeGreaterThan(16e6);
        expect(peakBytes).toBeGreaterThan(idleBytes);
        expect(peakBytes).toBeLessThan(1e9);
      }
      expect(written).toHaveLength(2);
      expect(readdirSync(exports)).toEqual([]);
    },
  );

  it('refuses what it does not know in one line that says the way out', { timeout: 60_000 }, () => {
    const refusals = [
      { words: ['speed'], says: 'name one of sweep, reference, search, speedup, peak, memory' },
      { words: ['sweep', '--row', '3'], says: '--help lists the options' },
      {
        words: ['sweep', '--quick', '--model', model, '--tokens', '1'],
        says: '--tokens takes whole numbers of at least 2, got "1"',
      },
      { words: ['sweep', '--rows', '4'], says: '--rows takes one number a model' },
      { words: ['reference', '--python', '/nowhere/python'], says: 'sh bench/reference/setup.sh' },
    ];
    for (const { words, says } of refusals) {
      const { status, stdout, stderr } = bench(...words);
      expect([status, stdout, stderr.trimEnd().split('\n').length], stderr).toEqual([2, '', 1]);
      expect(stderr).toContain(says);
    }
  });

  it('lists its options and examples', { timeout: 60_000 }, () => {
    expect(bench('--help').stdout).toMatch(/sweep[^]*reference[^]*peak[^]*memory[^]*cost-model/);
    expect(bench('sweep', '--help').stdout).toMatch(
      /--oracle-candidates <n>[^]*npm run bench -- sweep --json/,
    );
  });
});

describe('the figures', () => {
  it('takes the median between the two in the middle, and the spread over it', () => {
    expect(spreadOf([4, 1, 2, 3])).toMatchObject({ median: 2.5, min: 1, max: 4, spread: 3 / 2.5 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('times the sides in turns', async () => {
    const order: string[] = [];
    const side = (name: string) => ({
      name,
      run: (repeat: number) => {
        order.push(`${name}${repeat}`);
        return Promise.resolve();
      },
    });
    const timings = await interleave([side('a'), side('b')], 2, () => undefined);
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1']);
    expect(timings.map((each) => each.length)).toEqual([2, 2]);
  });

  it('gives a rank correlation that ties and any growing scale leave alone', () => {
    expect(rankCorrelation([1, 2, 3], [10, 100, 1000])).toBe(1);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBe(-1);
    // 1 − 6·Σd²/(n·(n²−1)) without ties: d = 1, 1, 0, 0.
    expect(rankCorrelation([1, 2, 3, 4], [2, 1, 3, 4])).toBeCloseTo(0.8, 12);
    expect(rankCorrelation([1, 1, 2], [5, 5, 9])).toBe(1);
    expect(() => rankCorrelation([1], [1])).toThrow(RangeError);
  });
});
