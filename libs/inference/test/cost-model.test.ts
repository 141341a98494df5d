import { sweepFlops, type Sweep } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { CHECKPOINT_CACHE, SMOLLM2_GGUF } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { SweepEvaluator } from '../src/index.ts';

const PLAN = { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 };
const REPEATS = 2;
const FIRST_MHA_BLOCKS = Array.from({ length: 15 }, (_, layer) => 2 * layer);

interface Segment {
  readonly tokens: number;
  readonly sweep: Sweep;
}

function pass(tokens: number, base: readonly number[]): Segment {
  return { tokens, sweep: { base, candidates: [], baseline: true } };
}

function blocks(tokens: number, start: number, count: number): Segment {
  const candidates = Array.from({ length: count }, (_, i) => start + i);
  return { tokens, sweep: { base: [], candidates, baseline: false } };
}

function layers(tokens: number, start: number, count: number): Segment {
  const candidates = Array.from({ length: count }, (_, i) => start + 2 * i);
  return { tokens, sweep: { base: [], candidates, unit: 'layer', baseline: false } };
}

/** Each costs at least an eighth more than the one before, so that noise of the clock changes few ranks. */
const SEGMENTS: readonly Segment[] = [
  pass(32, FIRST_MHA_BLOCKS),
  blocks(32, 54, 2),
  layers(32, 30, 2),
  pass(64, FIRST_MHA_BLOCKS),
  blocks(32, 30, 3),
  blocks(64, 54, 2),
  blocks(96, 15, 1),
  layers(64, 52, 4),
  pass(128, []),
  blocks(96, 30, 2),
  pass(192, FIRST_MHA_BLOCKS),
  blocks(96, 45, 4),
  layers(64, 0, 4),
  blocks(128, 30, 3),
  blocks(96, 15, 4),
  blocks(64, 0, 6),
  blocks(128, 15, 4),
  blocks(192, 15, 3),
  blocks(256, 30, 3),
  blocks(192, 15, 4),
];

it(
  'ranks segments of every start, size, unit and row length as the CPU time that they take does',
  { timeout: 300_000 },
  async () => {
    const checkpoint = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
    const { shape } = checkpoint;
    const flops = SEGMENTS.map(({ tokens, sweep }) => sweepFlops(shape, sweep, tokens));
    flops.slice(1).forEach((each, i) => expect(each).toBeGreaterThan(1.125 * flops[i]));

    const evaluator = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
    let runCount = 0;
    const cpuSeconds = async ({ tokens, sweep }: Segment): Promise<number> => {
      // Tokens of its own for each run: of rows that it has seen, the evaluator keeps states.
      const first = 7919 * ++runCount;
      const tokenIds = Int32Array.from({ length: tokens }, (_, i) => (first + 31 * i) % shape.vocabSize);
      const before = process.cpuUsage();
      await evaluator.evaluate(sweep, [{ index: 0, tokenIds }], PLAN, () => undefined);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    };
    for (const tokens of [32, 256]) await cpuSeconds(pass(tokens, []));
    const seconds = SEGMENTS.map(() => Number.POSITIVE_INFINITY);
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      for (const [i, segment] of SEGMENTS.entries()) {
        seconds[i] = Math.min(seconds[i], await cpuSeconds(segment));
      }
    }
    await evaluator.close();

    const correlation = rankCorrelation(flops, seconds);
    const speeds = flops.map((each, i) => each / seconds[i] / 1e9);
    process.stdout.write(
      `rank correlation of FLOPs and CPU time over ${SEGMENTS.length} segments ${correlation.toFixed(4)}; ` +
        `${Math.min(...speeds).toFixed(1)} to ${Math.max(...speeds).toFixed(1)} GFLOP/s\n`,
    );
    expect(correlation).toBeGreaterThan(0.95);
  },
);

/** Spearman's, of values without ties. */
function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const ranksOf = (values: readonly number[]): number[] =>
    values.map((value) => values.filter((other) => other < value).length);
  const [ranksOfA, ranksOfB] = [ranksOf(a), ranksOf(b)];
  const squares = ranksOfA.reduce((sum, rank, i) => sum + (rank - ranksOfB[i]) ** 2, 0);
  return 1 - (6 * squares) / (a.length * (a.length ** 2 - 1));
}
