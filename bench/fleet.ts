import { extendMask, sweepFlops, type Mask, type ModelShape } from '@blockpruner/blocks';
import { divisionBound, type Work } from '@blockpruner/fleet';
import {
  randomOf,
  SimulatedSearch,
  type Outcome,
  type Scenario,
  type WorkerModel,
} from '@blockpruner/testkit';
import type { Benchmark, OptionValues } from './benchmark.ts';
import { fixed, percent, tableOf } from './figures.ts';
import { UsageError } from './options.ts';
import { progress } from './progress.ts';

/** A search as the benchmark knows it by name. */
interface Setting {
  readonly shape: ModelShape;
  readonly rows: number;
  readonly remove: number;
}

const ROW_TOKENS = 2048;

const SETTINGS: Readonly<Record<string, Setting>> = {
  '7b': {
    shape: shapeOf({
      layerCount: 32,
      hiddenSize: 4096,
      intermediateSize: 11_008,
      headCount: 32,
      kvHeadCount: 32,
      headSize: 128,
      vocabSize: 32_000,
    }),
    rows: 16,
    remove: 17,
  },
  '70b': {
    shape: shapeOf({
      layerCount: 80,
      hiddenSize: 8192,
      intermediateSize: 28_672,
      headCount: 64,
      kvHeadCount: 8,
      headSize: 128,
      vocabSize: 128_256,
    }),
    rows: 128,
    remove: 50,
  },
};

/** Of a GPU in bf16, FLOP/s; what a worker computes at is within 30 % of it. */
const MEAN_SPEED = 2e14;
const SPREAD = 0.3;
/** A worker that is lost is replaced after so long. */
const REPLACED_MS = 10_000;
const LEASE_MS = 120_000;

export const fleetBenchmark: Benchmark = {
  summary: `How much of what its workers could compute a search gets done, in virtual time: the real scheduler and the real
search, simulated workers and network. Efficiency is the FLOPs of the sweeps undivided over the integral of the live
workers' speed until the search is done. Workers are within ${100 * SPREAD} % of ${MEAN_SPEED / 1e12} TFLOP/s, and one in a hundred
is lost in each iteration and replaced ${REPLACED_MS / 1000} s later.`,
  options: {
    models: {
      placeholder: '<list>',
      description:
        '7b: 64 blocks, 16 rows, removes 17; 70b: 160 blocks, 128 rows, removes 50; rows of 2048 tokens',
      value: '7b,70b',
      quick: '7b',
    },
    workers: {
      placeholder: '<list>',
      description: 'numbers of workers',
      value: '1,8,64,256,1000',
      quick: '1,8',
    },
    iterations: {
      placeholder: '<n>',
      description: "iterations; 0: as many as the model's search has",
      value: '0',
      quick: '2',
    },
    'round-trip-ms': { placeholder: '<n>', description: 'round-trip time of the network', value: '2' },
    'losses-percent': {
      placeholder: '<n>',
      description: 'workers of a hundred that are lost in an iteration',
      value: '1',
    },
    'no-run-ahead': { description: 'idle workers wait for the decision' },
    seed: { placeholder: '<n>', description: 'of speeds, losses and scores', value: '1' },
  },
  examples: ['fleet --json fleet.json', 'fleet --models 7b --workers 64 --round-trip-ms 50'],
  run(options) {
    const results = options.texts('models').flatMap((name) => {
      const setting = SETTINGS[name];
      if (setting === undefined)
        throw new UsageError(`--models "${name}": name some of ${Object.keys(SETTINGS).join(', ')}`);
      return options.integers('workers').map((workers) => measure(name, setting, workers, options));
    });
    return Promise.resolve({
      results,
      findings: [{ title: 'Searches in virtual time', table: table(results), notes: NOTES }],
    });
  },
};

const NOTES = [
  'bound: what the division into single cells allows without any loss, if no worker ever waited; mean over iterations.',
  'waiting: of the time of the live workers, that in which they computed nothing. Checked cells are computed twice.',
];

interface Result {
  readonly model: string;
  readonly workers: number;
  readonly iterations: number;
  readonly searchSeconds: number;
  readonly efficiency: number;
  readonly bound: number;
  readonly waiting: number;
  readonly lost: number;
  readonly thefts: number;
  readonly copies: number;
  readonly checkedCells: number;
  readonly cpuSeconds: number;
}

function measure(model: string, setting: Setting, workerCount: number, options: OptionValues): Result {
  const iterations = options.integer('iterations', 0) || setting.remove;
  const scenario = scenarioOf(setting, workerCount, iterations, options);
  const startedCpu = process.cpuUsage();
  const outcome = new SimulatedSearch(scenario).run();
  const { user, system } = process.cpuUsage(startedCpu);
  if (!outcome.isOver)
    throw new Error(`${model} with ${workerCount} workers: ${outcome.error?.message ?? 'not over'}`);
  const works = worksOf(scenario, outcome);
  const undivided = works.reduce((sum, work) => sum + workFlops(scenario, work), 0);
  const speeds = scenario.workers.map(({ speed }) => speed);
  const bounds = works.map((work) => divisionBound(scenario, work, speeds));
  const { workersLost, thefts, copies, confirmedCells } = outcome.counters;
  const result = {
    model,
    workers: workerCount,
    iterations,
    searchSeconds: outcome.endMs / 1000,
    efficiency: undivided / outcome.readyFlops,
    bound: bounds.reduce((sum, bound) => sum + bound, 0) / bounds.length,
    waiting: Math.max(0, 1 - outcome.computedFlops / outcome.readyFlops),
    lost: workersLost,
    thefts,
    copies,
    checkedCells: confirmedCells,
    cpuSeconds: (user + system) / 1e6,
  };
  progress(
    `${model}, ${workerCount} workers: efficiency ${percent(result.efficiency)}, ${fixed(result.cpuSeconds, 1)} s of CPU`,
  );
  return result;
}

function scenarioOf(
  { shape, rows, remove }: Setting,
  workerCount: number,
  iterations: number,
  options: OptionValues,
): Scenario {
  const seed = options.integer('seed', 0);
  const random = randomOf(seed + workerCount);
  const rowTokens = new Array<number>(rows).fill(ROW_TOKENS);
  const sweep = {
    base: [],
    candidates: Array.from({ length: 2 * shape.layerCount }, (_, block) => block),
    baseline: true,
  };
  const iterationMs = (rows * sweepFlops(shape, sweep, ROW_TOKENS)) / ((MEAN_SPEED / 1000) * workerCount);
  const searchMs = iterationMs * iterations;
  const losses = Math.round((workerCount * iterations * options.integer('losses-percent', 0)) / 100);
  const unlucky = new Map<number, number>();
  for (let i = 0; i < losses && unlucky.size < workerCount; i++)
    unlucky.set(Math.floor(random() * workerCount), random() * searchMs);
  const workers = Array.from({ length: workerCount }, (_, i): WorkerModel => {
    const atMs = unlucky.get(i);
    return {
      speed: (MEAN_SPEED / 1000) * (1 + SPREAD * (2 * random() - 1)),
      joinsMs: 0,
      peakFlopsPerSecond: 0,
      misfortune: atMs === undefined ? null : { kind: 'killed', atMs },
      lies: 0,
    };
  });
  const latencyMs = options.integer('round-trip-ms', 0) / 2;
  return {
    seed,
    shape,
    rowTokens,
    remove: Math.min(iterations, remove),
    method: { search: 'exhaustive' },
    workers,
    network: { latencyMs, jitterMs: latencyMs / 5, lost: 0, duplicated: 0, reorders: false },
    replacedMs: REPLACED_MS,
    restartsMs: [],
    poison: null,
    overheadMs: 0,
    reportMs: 50,
    heartbeatMs: 2000,
    heartbeatTimeoutMs: 15_000,
    leaseMs: LEASE_MS,
    checkedShare: 0.005,
    confirmedRows: 2,
    runsAhead: !options.has('no-run-ahead'),
    limitMs: Number.MAX_SAFE_INTEGER,
  };
}

/** What each iteration asked for. */
function worksOf({ shape, rowTokens }: Scenario, { decisions }: Outcome): Work[] {
  let base: Mask = [];
  return decisions.map(({ removed }, i) => {
    const candidates = Array.from({ length: 2 * shape.layerCount }, (_, block) => block).filter(
      (block) => !base.includes(block),
    );
    const work = { base, candidates, baseline: i === 0, rows: [...rowTokens.keys()] };
    base = extendMask(base, removed);
    return work;
  });
}

function workFlops({ shape, rowTokens }: Scenario, work: Work): number {
  return work.rows.reduce((sum, row) => sum + sweepFlops(shape, work, rowTokens[row]), 0);
}

/** Parameters are of no matter here. */
function shapeOf(sizes: Omit<ModelShape, 'mhaParameters' | 'mlpParameters' | 'totalParameters'>): ModelShape {
  return { ...sizes, mhaParameters: 1, mlpParameters: 1, totalParameters: 4 * sizes.layerCount };
}

function table(results: readonly Result[]): string {
  return tableOf(results, {
    model: ({ model }) => model,
    workers: ({ workers }) => workers,
    iterations: ({ iterations }) => iterations,
    'search s': ({ searchSeconds }) => fixed(searchSeconds, 1),
    efficiency: ({ efficiency }) => fixed(efficiency, 3),
    bound: ({ bound }) => fixed(bound, 3),
    waiting: ({ waiting }) => percent(waiting),
    lost: ({ lost }) => lost,
    thefts: ({ thefts }) => thefts,
    copies: ({ copies }) => copies,
    'checked cells': ({ checkedCells }) => checkedCells,
    'CPU s here': ({ cpuSeconds }) => fixed(cpuSeconds, 1),
  });
}
