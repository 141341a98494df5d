import { CPU_SHAPE_PLAN, DENSE, extendMask, sweepFlops, type Sweep } from '@blockpruner/blocks';
import { OracleEvaluator, SweepEvaluator } from '@blockpruner/inference';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { fixed, percent, tableOf } from './figures.ts';
import {
  allBlocks,
  MODEL_OPTION,
  openModel,
  planText,
  randomRows,
  WARM_UP_SEED,
  type BenchModel,
} from './models.ts';
import { UsageError } from './options.ts';
import { progress } from './progress.ts';
import { interleave, spreadOf, type Spread } from './timing.ts';

export const sweepBenchmark: Benchmark = {
  summary: `One iteration of the search (the dense model and every candidate): the sweep, which shares prefixes, against
the oracle, which takes one whole forward pass a candidate. Both compute the same numbers.`,
  options: {
    model: {
      placeholder: '<list>',
      description: MODEL_OPTION,
      value: 'smollm2,random-800m',
      quick: 'smollm2',
    },
    rows: { placeholder: '<list>', description: 'rows, one number a model', value: '4,1', quick: '1' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '256', quick: '32' },
    repeats: { placeholder: '<n>', description: 'runs of each side, in turns', value: '3', quick: '2' },
    threads: { placeholder: '<n>', description: 'threads of each side', value: '1' },
    'oracle-candidates': {
      placeholder: '<n>',
      description: 'candidates that the oracle is timed on, evenly spread; 0: all',
      value: '0',
      quick: '3',
    },
  },
  examples: [
    'sweep --json sweep.json',
    'sweep --model smollm2 --rows 1 --repeats 5',
    'sweep --model ./my-model --rows 2 --tokens 512 --oracle-candidates 8',
  ],
  async run(options) {
    const names = options.texts('model');
    const rows = options.integers('rows');
    if (names.length !== rows.length) {
      throw new UsageError(`--rows takes one number a model, got ${rows.length} for ${names.length} models`);
    }
    const results: SweepResult[] = [];
    for (const [i, name] of names.entries()) {
      results.push(await measureModel(await openModel(name), rows[i], options));
    }
    return { results, findings: [sideTable(results), ratioTable(results)] };
  },
};

interface SweepResult {
  readonly model: string;
  readonly parameters: number;
  readonly rows: number;
  readonly tokens: number;
  readonly candidates: number;
  readonly oracleCandidates: number;
  readonly sweepSeconds: Spread;
  readonly sweepCpuSeconds: Spread;
  /** Of all candidates, scaled from those that were timed. */
  readonly oracleSeconds: Spread;
  readonly oracleCpuSeconds: Spread;
  /** Oracle over sweep, of the runs of one repeat. */
  readonly ratio: Spread;
  readonly cpuRatio: Spread;
  /** Oracle FLOPs over sweep FLOPs. */
  readonly bound: number;
  readonly shareOfBound: number;
}

async function measureModel(
  { name, checkpoint }: BenchModel,
  rowCount: number,
  options: OptionValues,
): Promise<SweepResult> {
  const tokens = options.integer('tokens', 2);
  const threads = options.integer('threads');
  const candidates = allBlocks(checkpoint);
  const asked = options.integer('oracle-candidates', 0);
  const sample = asked === 0 ? candidates : evenlySpread(candidates, asked);
  const whole: Sweep = { base: DENSE, candidates, baseline: true };
  const sampled: Sweep = { ...whole, candidates: sample };
  const oracleFlops = (of: Sweep): number =>
    [DENSE, ...of.candidates.map((block) => extendMask(DENSE, block))].reduce(
      (sum, base) => sum + sweepFlops(checkpoint.shape, { base, candidates: [], baseline: true }, tokens),
      0,
    );
  const scale = oracleFlops(whole) / oracleFlops(sampled);
  progress(`${name}: loading the two evaluators, ${planText(CPU_SHAPE_PLAN)}`);
  const session = { device: 'cpu', threads };
  const sweep = await SweepEvaluator.load(checkpoint, session);
  const oracle = await OracleEvaluator.load(checkpoint, session);
  const ignore = (): void => undefined;
  const last: Sweep = { ...whole, candidates: candidates.slice(-1) };
  const rows = (seed: number): ReturnType<typeof randomRows> =>
    randomRows(checkpoint, seed, rowCount, tokens);
  await sweep.evaluate(last, rows(WARM_UP_SEED).slice(0, 1), CPU_SHAPE_PLAN, ignore);
  await oracle.evaluate(last, rows(WARM_UP_SEED).slice(0, 1), CPU_SHAPE_PLAN, ignore);
  const [ours, theirs] = await interleave(
    [
      {
        name: `${name} sweep`,
        run: (repeat) => sweep.evaluate(whole, rows(repeat), CPU_SHAPE_PLAN, ignore),
      },
      {
        name: `${name} oracle, ${sample.length} candidates`,
        run: (repeat) => oracle.evaluate(sampled, rows(repeat), CPU_SHAPE_PLAN, ignore),
      },
    ],
    options.integer('repeats'),
    progress,
  );
  await sweep.close();
  await oracle.close();
  const bound = oracleFlops(whole) / sweepFlops(checkpoint.shape, whole, tokens);
  const ratio = spreadOf(ours.map(({ seconds }, i) => (theirs[i].seconds * scale) / seconds));
  return {
    model: name,
    parameters: checkpoint.shape.totalParameters,
    rows: rowCount,
    tokens,
    candidates: candidates.length,
    oracleCandidates: sample.length,
    sweepSeconds: spreadOf(ours.map(({ seconds }) => seconds)),
    sweepCpuSeconds: spreadOf(ours.map(({ cpuSeconds }) => cpuSeconds)),
    oracleSeconds: spreadOf(theirs.map(({ seconds }) => seconds * scale)),
    oracleCpuSeconds: spreadOf(theirs.map(({ cpuSeconds }) => cpuSeconds * scale)),
    ratio,
    cpuRatio: spreadOf(ours.map(({ cpuSeconds }, i) => (theirs[i].cpuSeconds * scale) / cpuSeconds)),
    bound,
    shareOfBound: ratio.median / bound,
  };
}

function evenlySpread(blocks: readonly number[], count: number): number[] {
  const step = blocks.length / Math.min(count, blocks.length);
  return blocks.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
}

function sideTable(results: readonly SweepResult[]): Finding {
  const lines = results.flatMap((result) => [
    { result, side: 'sweep', wall: result.sweepSeconds, cpu: result.sweepCpuSeconds },
    { result, side: 'oracle', wall: result.oracleSeconds, cpu: result.oracleCpuSeconds },
  ]);
  const scaled = results.filter((result) => result.oracleCandidates < result.candidates);
  const table = tableOf(lines, {
    model: ({ result }) => result.model,
    'rows x tokens': ({ result }) => `${result.rows} x ${result.tokens}`,
    candidates: ({ result }) => result.candidates,
    side: ({ side }) => side,
    'median s': ({ wall }) => fixed(wall.median),
    'min s': ({ wall }) => fixed(wall.min),
    spread: ({ wall }) => percent(wall.spread),
    'median CPU s': ({ cpu }) => fixed(cpu.median),
    'min CPU s': ({ cpu }) => fixed(cpu.min),
  });
  const note = ({ model, oracleCandidates, candidates }: SweepResult): string =>
    `${model}: the oracle was timed on ${oracleCandidates} of ${candidates} candidates, and scaled by FLOPs.`;
  return { title: 'One iteration, all candidates and the dense model', table, notes: scaled.map(note) };
}

function ratioTable(results: readonly SweepResult[]): Finding {
  const table = tableOf(results, {
    model: ({ model }) => model,
    'oracle / sweep': ({ ratio }) => fixed(ratio.median),
    'of minima': ({ oracleSeconds, sweepSeconds }) => fixed(oracleSeconds.min / sweepSeconds.min),
    'of CPU s': ({ cpuRatio }) => fixed(cpuRatio.median),
    'bound by FLOPs': ({ bound }) => fixed(bound),
    'share of bound': ({ shareOfBound }) => fixed(shareOfBound),
  });
  return {
    title: 'How much faster the sweep is',
    table,
    notes: [
      'oracle / sweep: the median over repeats of the ratio of the two runs of one repeat. Wanted: a share of 0.9.',
    ],
  };
}
