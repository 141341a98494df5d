import type { ModelShape } from '@blockpruner/blocks';
import { expectedEvaluations, expectedFlops } from '@blockpruner/search';
import { formatCount } from '@blockpruner/telemetry';
import type { Benchmark, OptionValues } from './benchmark.ts';
import { fixed, tableOf } from './figures.ts';
import { publishedShape } from './published-shape.ts';

const SEPARATE_HEAD = { headSize: 128, isTied: false };
const MODELS: Readonly<Record<string, ModelShape>> = {
  'Llama-2-7B': publishedShape(32, 4096, 11_008, 32, 32, 32_000, SEPARATE_HEAD),
  'Llama-3.1-8B': publishedShape(32, 4096, 14_336, 32, 8, 128_256, SEPARATE_HEAD),
  'Llama-2-13B': publishedShape(40, 5120, 13_824, 40, 40, 32_000, SEPARATE_HEAD),
  'Qwen2.5-32B': publishedShape(64, 5120, 27_648, 40, 8, 152_064, SEPARATE_HEAD),
  'Llama-3.1-70B': publishedShape(80, 8192, 28_672, 64, 8, 128_256, SEPARATE_HEAD),
};
const SECONDS_AN_HOUR = 3600;

interface Estimate {
  readonly model: string;
  readonly parameters: number;
  readonly iterations: string;
  /** Of the exhaustive search at most. */
  readonly flops: number;
  readonly exhaustiveHours: number;
  readonly raceHours: number;
}

export const gpuHoursBenchmark: Benchmark = {
  summary: `What a search is expected to cost in GPU hours, by model: the FLOPs of the cost model, over the speed that a GPU is
taken to reach. Measures nothing: the speed and what a race saves are options.`,
  options: {
    tflops: { placeholder: '<n>', description: 'TFLOP/s of one GPU in its dtype, at its peak', value: '990' },
    mfu: { placeholder: '<percent>', description: 'of the peak that a worker reaches', value: '40' },
    rows: { placeholder: '<n>', description: 'calibration rows', value: '256' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '2048' },
    ratio: { placeholder: '<percent>', description: 'of the parameters to remove', value: '20' },
    saving: { placeholder: '<percent>', description: 'of the work that a race leaves out', value: '74' },
  },
  examples: ['gpu-hours', 'gpu-hours --tflops 312 --rows 64 --ratio 30'],
  run(options) {
    const estimates = Object.entries(MODELS).map(([model, shape]) => estimate(model, shape, options));
    const table = tableOf(estimates, {
      model: ({ model }) => model,
      parameters: ({ parameters }) => formatCount(parameters),
      iterations: ({ iterations }) => iterations,
      'PFLOP, exhaustive': ({ flops }) => fixed(flops / 1e15, 0),
      'GPU hours, exhaustive': ({ exhaustiveHours }) => hours(exhaustiveHours),
      'GPU hours, race': ({ raceHours }) => hours(raceHours),
    });
    const { tflops, mfu, rows, tokens, ratio, saving } = options.all;
    const title = `${rows.toString()} rows of ${tokens.toString()} tokens, ${ratio.toString()} % of the parameters, a GPU of ${tflops.toString()} TFLOP/s at ${mfu.toString()} %, a race that leaves out ${saving.toString()} %`;
    const notes = ['Loading the model, waiting and workers that are lost come on top.'];
    return Promise.resolve({ findings: [{ title, table, notes }], results: estimates });
  },
};

function estimate(model: string, shape: ModelShape, options: OptionValues): Estimate {
  const stop = { kind: 'ratio', ratio: options.integer('ratio') / 100 } as const;
  const rowTokens = new Array<number>(options.integer('rows')).fill(options.integer('tokens', 2));
  const problem = { shape, blockType: 'mix', stop } as const;
  const { least, most } = expectedEvaluations(problem).iterations;
  const { most: flops } = expectedFlops(problem, rowTokens);
  const flopsPerSecond = options.integer('tflops') * 1e12 * (options.integer('mfu') / 100);
  const exhaustiveHours = flops / flopsPerSecond / SECONDS_AN_HOUR;
  const raceHours = exhaustiveHours * (1 - options.integer('saving', 0) / 100);
  return {
    model,
    parameters: shape.totalParameters,
    iterations: `${least} to ${most}`,
    flops,
    exhaustiveHours,
    raceHours,
  };
}

function hours(value: number): string {
  return fixed(value, value < 10 ? 1 : 0);
}
