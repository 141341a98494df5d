import { CPU_SHAPE_PLAN, DENSE, sweepFlops, type ModelShape, type Sweep } from '@blockpruner/blocks';
import { measureMatmulPeak, SweepEvaluator } from '@blockpruner/inference';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { fixed, gigaflops, percent, tableOf } from './figures.ts';
import { allBlocks, MODEL_OPTION, openModel, randomRows, WARM_UP_SEED, type BenchModel } from './models.ts';
import { progress } from './progress.ts';
import { spreadOf, timed, type Spread } from './timing.ts';

export const peakBenchmark: Benchmark = {
  summary: `FLOP/s inside a sweep over the machine's best: the FLOPs that the cost model gives a sweep over its wall-clock,
against matrix products alone in the same engine with as many threads, of the model's shapes and a large square one.`,
  options: {
    model: { placeholder: '<list>', description: MODEL_OPTION, value: 'smollm2' },
    tokens: { placeholder: '<n>', description: 'tokens of the one row', value: '256', quick: '32' },
    repeats: {
      placeholder: '<n>',
      description: 'sweeps, in turns with the products',
      value: '5',
      quick: '2',
    },
    threads: { placeholder: '<n>', description: 'threads of both', value: '1' },
    square: { placeholder: '<n>', description: 'side of the square product', value: '2048', quick: '128' },
    milliseconds: { placeholder: '<n>', description: 'time of each product', value: '500', quick: '20' },
  },
  examples: ['peak --json peak.json', 'peak --model smollm2,random-800m --threads 2'],
  async run(options) {
    const results: PeakResult[] = [];
    for (const name of options.texts('model')) {
      results.push(await measureModel(await openModel(name), options));
    }
    return { results, findings: [productTable(results), shareTable(results)] };
  },
};

interface Product {
  readonly what: string;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

interface PeakResult {
  readonly model: string;
  readonly tokens: number;
  readonly threads: number;
  readonly sweepFlops: number;
  readonly sweepFlopsPerSecond: Spread;
  readonly products: readonly (Product & { readonly flopsPerSecond: Spread })[];
  /** Of each repeat: the sweep over the fastest product of the same repeat. */
  readonly share: Spread;
  /** The same with the sweep's CPU seconds, over the threads, for its wall-clock. */
  readonly cpuShare: Spread;
}

async function measureModel({ name, checkpoint }: BenchModel, options: OptionValues): Promise<PeakResult> {
  const tokens = options.integer('tokens', 2);
  const threads = options.integer('threads');
  const repeats = options.integer('repeats');
  const seconds = options.integer('milliseconds') / 1000;
  const sweep: Sweep = { base: DENSE, candidates: allBlocks(checkpoint), baseline: true };
  const flops = sweepFlops(checkpoint.shape, sweep, tokens);
  const products = productsOf(checkpoint.shape, tokens - 1, options.integer('square'));
  const evaluator = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads });
  const run = (seed: number, of: Sweep): Promise<void> =>
    evaluator.evaluate(of, randomRows(checkpoint, seed, 1, tokens), CPU_SHAPE_PLAN, () => undefined);
  await run(WARM_UP_SEED, { ...sweep, candidates: sweep.candidates.slice(-1) });
  const sweepRates: number[] = [];
  const cpuRates: number[] = [];
  const productRates: number[][] = products.map(() => []);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, { rows, inner, columns }] of products.entries()) {
      productRates[i].push(await measureMatmulPeak({ threads, rows, inner, columns, seconds }));
    }
    const timing = await timed(() => run(repeat, sweep));
    sweepRates.push(flops / timing.seconds);
    cpuRates.push((flops * threads) / timing.cpuSeconds);
    const fastest = gigaflops(Math.max(...productRates.map((rates) => rates[repeat])));
    progress(
      `${name}, ${repeat + 1} of ${repeats}: sweep ${gigaflops(sweepRates[repeat])}, fastest product ${fastest} GFLOP/s`,
    );
  }
  await evaluator.close();
  const best = (repeat: number): number => Math.max(...productRates.map((rates) => rates[repeat]));
  return {
    model: name,
    tokens,
    threads,
    sweepFlops: flops,
    sweepFlopsPerSecond: spreadOf(sweepRates),
    products: products.map((product, i) => ({ ...product, flopsPerSecond: spreadOf(productRates[i]) })),
    share: spreadOf(sweepRates.map((rate, i) => rate / best(i))),
    cpuShare: spreadOf(cpuRates.map((rate, i) => rate / best(i))),
  };
}

/** The products of a forward pass over one row, and a square one. */
function productsOf(shape: ModelShape, rows: number, square: number): Product[] {
  const { hiddenSize, intermediateSize, headCount, headSize, vocabSize } = shape;
  return [
    { what: 'query, output', rows, inner: hiddenSize, columns: headCount * headSize },
    { what: 'gate, up', rows, inner: hiddenSize, columns: intermediateSize },
    { what: 'down', rows, inner: intermediateSize, columns: hiddenSize },
    {
      what: 'head',
      rows: Math.min(rows, CPU_SHAPE_PLAN.headChunkTokens),
      inner: hiddenSize,
      columns: vocabSize,
    },
    { what: 'square', rows: square, inner: square, columns: square },
  ];
}

function productTable(results: readonly PeakResult[]): Finding {
  const lines = results.flatMap(({ model, products }) => products.map((product) => ({ model, ...product })));
  const table = tableOf(lines, {
    model: ({ model }) => model,
    product: ({ what }) => what,
    'rows x inner x columns': ({ rows, inner, columns }) => `${rows} x ${inner} x ${columns}`,
    'median GFLOP/s': ({ flopsPerSecond }) => gigaflops(flopsPerSecond.median),
    'best GFLOP/s': ({ flopsPerSecond }) => gigaflops(flopsPerSecond.max),
    spread: ({ flopsPerSecond }) => percent(flopsPerSecond.spread),
  });
  return { title: 'Matrix products alone, fp32', table, notes: [] };
}

function shareTable(results: readonly PeakResult[]): Finding {
  const table = tableOf(results, {
    model: ({ model }) => model,
    'row tokens': ({ tokens }) => tokens,
    threads: ({ threads }) => threads,
    GFLOP: (result) => fixed(result.sweepFlops / 1e9, 1),
    'median GFLOP/s': ({ sweepFlopsPerSecond }) => gigaflops(sweepFlopsPerSecond.median),
    'best GFLOP/s': ({ sweepFlopsPerSecond }) => gigaflops(sweepFlopsPerSecond.max),
    spread: ({ sweepFlopsPerSecond }) => percent(sweepFlopsPerSecond.spread),
    'share of peak': ({ share }) => fixed(share.median),
    'by CPU s': ({ cpuShare }) => fixed(cpuShare.median),
    'share of bests': ({ sweepFlopsPerSecond, products }) =>
      fixed(sweepFlopsPerSecond.max / Math.max(...products.map(({ flopsPerSecond }) => flopsPerSecond.max))),
  });
  return {
    title: 'A sweep over every candidate',
    table,
    notes: [
      'share of peak: the median over repeats of the sweep over the fastest product of the same repeat. Wanted: 0.7.',
    ],
  };
}
