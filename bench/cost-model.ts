import {
  CPU_SHAPE_PLAN,
  DENSE,
  sweepFlops,
  type Mask,
  type ModelShape,
  type Sweep,
} from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { SweepEvaluator } from '@blockpruner/inference';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { fixed, percent, tableOf } from './figures.ts';
import { allBlocks, MODEL_OPTION, openModel, randomRows, WARM_UP_SEED } from './models.ts';
import { progress } from './progress.ts';
import { rankCorrelation } from './rank-correlation.ts';
import { interleave, spreadOf } from './timing.ts';

export const costModelBenchmark: Benchmark = {
  summary: `Whether the cost model orders sweeps as the clock does: Spearman's rank correlation of predicted FLOPs and
measured seconds, over segments of several starts, sizes, base masks and row lengths.`,
  options: {
    model: { placeholder: '<model>', description: MODEL_OPTION, value: 'smollm2' },
    tokens: {
      placeholder: '<list>',
      description: 'lengths of rows',
      value: '64,128,256',
      quick: '16,32',
    },
    sizes: { placeholder: '<list>', description: 'candidates of a segment', value: '1,3,6', quick: '1,2' },
    repeats: { placeholder: '<n>', description: 'runs of each segment, in turns', value: '2', quick: '1' },
    threads: { placeholder: '<n>', description: 'threads', value: '1' },
  },
  examples: ['cost-model --json cost-model.json', 'cost-model --tokens 256,1024 --sizes 1,8 --repeats 5'],
  async run(options) {
    const { name, checkpoint } = await openModel(options.text('model'));
    const segments = await measureSegments(checkpoint, options);
    const groups = groupsOf(segments);
    return {
      results: { model: name, correlation: groups, segments },
      findings: [segmentTable(name, segments), groupTable(groups)],
    };
  },
};

const BASES = ['dense', 'half of mha removed', 'half of mlp removed'] as const;

interface Segment {
  readonly base: (typeof BASES)[number];
  readonly start: number;
  readonly candidates: number;
  readonly tokens: number;
  readonly flops: number;
  /** Parts of the FLOPs, in all 1. */
  readonly mhaShare: number;
  readonly mlpShare: number;
  readonly headShare: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function measureSegments(checkpoint: Checkpoint, options: OptionValues): Promise<Segment[]> {
  const threads = options.integer('threads');
  const lengths = options.integers('tokens', 2);
  const sizes = options.integers('sizes');
  const evaluator = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads });
  const cases = BASES.flatMap((base) =>
    lengths.flatMap((tokens) =>
      sizes.flatMap((size) => startsOf(checkpoint, base, size).map((sweep) => ({ base, tokens, sweep }))),
    ),
  );
  // A row that was seen has states kept, which a segment would start from: each run has a row of its own.
  let seed = WARM_UP_SEED;
  const run = (sweep: Sweep, tokens: number): Promise<void> =>
    evaluator.evaluate(sweep, randomRows(checkpoint, seed++, 1, tokens), CPU_SHAPE_PLAN, () => undefined);
  for (const tokens of lengths) await run(cases[0].sweep, tokens);
  const sides = cases.map(({ base, tokens, sweep }) => ({
    name: `${base}, ${sweep.candidates.length} from block ${sweep.candidates[0]}, ${tokens} tokens`,
    run: () => run(sweep, tokens),
  }));
  const timings = await interleave(sides, options.integer('repeats'), progress);
  await evaluator.close();
  return cases.map(({ base, tokens, sweep }, i) => {
    const flops = sweepFlops(checkpoint.shape, sweep, tokens);
    const without = (part: Partial<ModelShape>): number =>
      1 - sweepFlops({ ...checkpoint.shape, ...part }, sweep, tokens) / flops;
    const mlpShare = without({ intermediateSize: 0 });
    const headShare = without({ vocabSize: 0 });
    return {
      base,
      start: sweep.candidates[0],
      candidates: sweep.candidates.length,
      tokens,
      flops,
      mhaShare: 1 - mlpShare - headShare,
      mlpShare,
      headShare,
      seconds: spreadOf(timings[i].map(({ seconds }) => seconds)).min,
      cpuSeconds: spreadOf(timings[i].map(({ cpuSeconds }) => cpuSeconds)).min,
    };
  });
}

/** Segments near the start, the middle and the end of the model. */
function startsOf(checkpoint: Checkpoint, baseName: Segment['base'], size: number): Sweep[] {
  const blocks = allBlocks(checkpoint);
  const base = baseMask(blocks, baseName);
  const live = blocks.filter((block) => !base.includes(block));
  const count = Math.min(size, live.length);
  const starts = new Set([0, (live.length - count) >> 1, live.length - count]);
  return [...starts].map((start) => ({
    base,
    candidates: live.slice(start, start + count),
    baseline: false,
  }));
}

function baseMask(blocks: readonly number[], name: Segment['base']): Mask {
  if (name === 'dense') return DENSE;
  return blocks.filter((block) => block % 4 === (name === 'half of mha removed' ? 0 : 1));
}

interface Group {
  readonly of: string;
  readonly segments: number;
  readonly correlation: number;
  readonly cpuCorrelation: number;
}

/** All segments, and each part of them that has one base or one row length. */
function groupsOf(segments: readonly Segment[]): Group[] {
  const group = (of: string, part: readonly Segment[]): Group => ({
    of,
    segments: part.length,
    correlation: rankCorrelation(
      part.map(({ flops }) => flops),
      part.map(({ seconds }) => seconds),
    ),
    cpuCorrelation: rankCorrelation(
      part.map(({ flops }) => flops),
      part.map(({ cpuSeconds }) => cpuSeconds),
    ),
  });
  const lengths = [...new Set(segments.map(({ tokens }) => tokens))];
  return [
    group('all', segments),
    ...BASES.map((base) =>
      group(
        base,
        segments.filter((segment) => segment.base === base),
      ),
    ),
    ...lengths.map((tokens) =>
      group(
        `${tokens} tokens`,
        segments.filter((segment) => segment.tokens === tokens),
      ),
    ),
  ];
}

function segmentTable(model: string, segments: readonly Segment[]): Finding {
  const table = tableOf(
    [...segments].sort((a, b) => a.flops - b.flops),
    {
      base: ({ base }) => base,
      tokens: ({ tokens }) => tokens,
      start: ({ start }) => start,
      candidates: ({ candidates }) => candidates,
      GFLOP: ({ flops }) => fixed(flops / 1e9),
      mha: ({ mhaShare }) => percent(mhaShare),
      mlp: ({ mlpShare }) => percent(mlpShare),
      head: ({ headShare }) => percent(headShare),
      'min s': ({ seconds }) => fixed(seconds, 4),
      'min CPU s': ({ cpuSeconds }) => fixed(cpuSeconds, 4),
      'GFLOP/s': ({ flops, seconds }) => fixed(flops / seconds / 1e9, 1),
    },
  );
  return { title: `Segments of ${model}, by predicted cost`, table, notes: [] };
}

function groupTable(groups: readonly Group[]): Finding {
  const table = tableOf(groups, {
    segments: ({ of }) => of,
    count: ({ segments }) => segments,
    'rank correlation': ({ correlation }) => fixed(correlation, 4),
    'with CPU s': ({ cpuCorrelation }) => fixed(cpuCorrelation, 4),
  });
  return { title: 'Predicted FLOPs and measured seconds', table, notes: ['Wanted of all: more than 0.95.'] };
}
