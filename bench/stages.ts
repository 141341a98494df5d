import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CPU_SHAPE_PLAN,
  DENSE,
  largestStageBytes,
  leastWaveRows,
  sweepFlops,
  waveTime,
  workerMemory,
  type StageSpeed,
  type Sweep,
} from '@blockpruner/blocks';
import { formatBytes } from '@blockpruner/telemetry';
import { computeEnvironment } from '../apps/worker/src/compute-environment.ts';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { fixed, percent, tableOf } from './figures.ts';
import { allBlocks, BENCH_CACHE, MODEL_OPTION, openModel, type BenchModel } from './models.ts';
import { progress } from './progress.ts';
import type { StageMeasurement, StageRequest } from './stages-process.ts';

const PROCESS_MAIN = join(import.meta.dirname, 'stages-process.ts');
const FP32 = { bytesPerWeight: 4 } as const;
const TENTH = 0.1;
/** Of a usual calibration set. */
const LARGE_WAVE_ROWS = 128;

export const stagesBenchmark: Benchmark = {
  summary: `One wave of a sweep with the model in stages, one stage's weights in memory at a time: time, peak memory, and how
many rows and candidates a load of a stage has to serve. Every point is measured in a process of its own.`,
  options: {
    model: { placeholder: '<list>', description: MODEL_OPTION, value: 'smollm2' },
    stages: { placeholder: '<list>', description: 'stages', value: '1,2,5', quick: '1,2' },
    rows: { placeholder: '<n>', description: 'rows', value: '4', quick: '1' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '256', quick: '16' },
    candidates: { placeholder: '<n>', description: 'candidates where they are few', value: '2' },
    budget: {
      placeholder: '<MiB>',
      description: 'memory for the states that wait; the last stages are measured with 0 too',
      value: '512',
    },
    threads: { placeholder: '<n>', description: 'threads', value: '1' },
  },
  examples: ['stages --json stages.json', 'stages --model random-800m --stages 1,4,8 --rows 2'],
  async run(options) {
    const results: StageResult[] = [];
    for (const name of options.texts('model')) {
      const model = await openModel(name);
      for (const point of pointsOf(model, options)) {
        const result = await measurePoint(model, point, options);
        results.push(result);
        progress(`${model.name}, ${point.stages} stages, ${point.kind}: ${fixed(result.seconds)} s`);
      }
    }
    return { results, findings: [pointTable(results), breakEvenTable(results)] };
  },
};

interface Point {
  readonly stages: number;
  readonly kind: 'exhaustive' | 'few';
  readonly sweep: Sweep;
  readonly stateBudgetBytes: number;
}

interface StageResult extends Omit<Point, 'sweep'>, StageMeasurement {
  readonly model: string;
  readonly rows: number;
  readonly candidates: number;
  readonly largestStageBytes: number;
  /** Of the process that computes: the formula counts the one that answers too. */
  readonly formulaBytes: number;
  /** Of a row and candidate, the baseline's walk included. */
  readonly computeSecondsPerEvaluation: number;
  readonly loadSecondsPerStage: number;
  /** Rows x candidates that take as long to compute as loading every stage once: the break-even of a load. */
  readonly breakEvenEvaluations: number;
  /** Rows from which on a wave spends at most half, and a tenth, of its time on loading. */
  readonly breakEvenRows: number;
  readonly tenthRows: number;
  /** Share of loading in a wave of 128 rows, from the times measured. */
  readonly largeWaveLoadShare: number;
}

function pointsOf({ checkpoint }: BenchModel, options: OptionValues): Point[] {
  const all = allBlocks(checkpoint);
  const few = options.integer('candidates');
  const step = all.length / few;
  const sweeps = {
    exhaustive: { base: DENSE, candidates: all, baseline: true },
    few: {
      base: DENSE,
      candidates: Array.from({ length: few }, (_, i) => Math.floor((i + 0.5) * step)),
      baseline: false,
    },
  };
  const stateBudgetBytes = options.integer('budget', 0) * 2 ** 20;
  const stages = options.integers('stages');
  const points = stages.flatMap((count) =>
    (['exhaustive', 'few'] as const).map((kind) => ({
      stages: count,
      kind,
      sweep: sweeps[kind],
      stateBudgetBytes,
    })),
  );
  const onDisk = { kind: 'exhaustive', sweep: sweeps.exhaustive, stateBudgetBytes: 0 } as const;
  return [...points, { ...onDisk, stages: stages[stages.length - 1] }];
}

async function measurePoint(
  { name, checkpoint }: BenchModel,
  { stages, kind, sweep, stateBudgetBytes }: Point,
  options: OptionValues,
): Promise<StageResult> {
  const { shape } = checkpoint;
  const rows = options.integer('rows');
  const tokens = options.integer('tokens', 2);
  const plan = CPU_SHAPE_PLAN;
  const request: StageRequest = {
    // Not the GGUF: nothing is to be decoded in the process that is measured.
    modelPath: checkpoint.folder,
    cacheFolder: BENCH_CACHE,
    threads: options.integer('threads'),
    stages,
    stateBudgetBytes,
    sweep,
    rows,
    tokens,
    plan,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [PROCESS_MAIN, JSON.stringify(request)], {
    env: computeEnvironment(process.env),
  });
  const measured = JSON.parse(stdout) as StageMeasurement;
  const computeSeconds = measured.seconds - measured.laterLoadSeconds;
  const evaluations = rows * (sweep.candidates.length + (sweep.baseline ? 1 : 0));
  const speed: StageSpeed = {
    loadSeconds: measured.loadSeconds / measured.loads,
    flopsPerSecond: (rows * sweepFlops(shape, sweep, tokens)) / computeSeconds,
  };
  const largeWave = waveTime(shape, sweep, { count: LARGE_WAVE_ROWS, tokens: tokens - 1 }, stages, speed);
  return {
    model: name,
    stages,
    kind,
    stateBudgetBytes,
    rows,
    candidates: sweep.candidates.length,
    ...measured,
    largestStageBytes: largestStageBytes(shape, stages, FP32),
    formulaBytes: workerMemory(shape, plan, tokens, FP32, stages).totalBytes,
    computeSecondsPerEvaluation: computeSeconds / evaluations,
    loadSecondsPerStage: speed.loadSeconds,
    breakEvenEvaluations: (stages * speed.loadSeconds * evaluations) / computeSeconds,
    breakEvenRows: leastWaveRows(shape, sweep, tokens, stages, speed),
    tenthRows: leastWaveRows(shape, sweep, tokens, stages, speed, TENTH),
    largeWaveLoadShare: largeWave.loadSeconds / largeWave.totalSeconds,
  };
}

function pointTable(results: readonly StageResult[]): Finding {
  const table = tableOf(results, {
    model: ({ model }) => model,
    stages: ({ stages }) => stages,
    'rows x candidates': ({ rows, candidates }) => `${rows} x ${candidates}`,
    'states wait in': ({ stages, stateBudgetBytes }) =>
      stages === 1 ? '' : stateBudgetBytes === 0 ? 'disk' : 'memory',
    'wave s': ({ seconds, loadSeconds, laterLoadSeconds }) => fixed(seconds + loadSeconds - laterLoadSeconds),
    'of it loading s': ({ loadSeconds }) => fixed(loadSeconds),
    'CPU s': ({ cpuSeconds }) => fixed(cpuSeconds),
    'largest stage': (result) => formatBytes(result.largestStageBytes),
    'peak resident': ({ peakBytes }) => formatBytes(peakBytes),
    formula: ({ formulaBytes }) => formatBytes(formulaBytes),
  });
  return {
    title: 'One wave: every stage loaded once',
    table,
    notes: [
      'CPU s: of the evaluation, with the loads of all stages but the first.',
      'The formula counts the process that answers as well, which is not measured here, and not the states that wait.',
    ],
  };
}

function breakEvenTable(results: readonly StageResult[]): Finding {
  const staged = results.filter(({ stages, stateBudgetBytes }) => stages > 1 && stateBudgetBytes > 0);
  const table = tableOf(staged, {
    model: ({ model }) => model,
    stages: ({ stages }) => stages,
    candidates: ({ kind, candidates }) => `${kind}, ${candidates}`,
    'load s a stage': (result) => fixed(result.loadSecondsPerStage),
    'compute s a row x candidate': (result) => fixed(result.computeSecondsPerEvaluation, 3),
    'break-even, rows x candidates': (result) => fixed(result.breakEvenEvaluations, 1),
    'whole rows': ({ breakEvenRows }) => breakEvenRows,
    'rows for a tenth': ({ tenthRows }) => tenthRows,
    [`loading, of ${LARGE_WAVE_ROWS} rows`]: ({ largeWaveLoadShare }) => percent(largeWaveLoadShare),
  });
  return {
    title: 'How much a load of a stage has to serve',
    table,
    notes: [
      'Break-even: loading takes as long as computing. For a tenth: loading takes at most a tenth of the time.',
      'Each load of a stage serves all rows and candidates of its wave, so the break-even is of one load and of a wave alike.',
    ],
  };
}
