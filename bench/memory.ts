import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { CPU_SHAPE_PLAN, DENSE, workerMemory, type ShapePlan, type WorkerMemory } from '@blockpruner/blocks';
import { formatBytes } from '@blockpruner/telemetry';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { peakOfTask, type Peak } from './compute-process.ts';
import { fixed, tableOf } from './figures.ts';
import { allBlocks, BENCH_CACHE, MODEL_OPTION, openModel, randomRows, type BenchModel } from './models.ts';
import { progress } from './progress.ts';

/** Two: what the first left behind must not add to the second. */
const MICRO_BATCHES = 2;
/** Under a limit: enough rows that the residual streams kept of them would pass it. */
const LIMITED_MICRO_BATCHES = 16;

export const memoryBenchmark: Benchmark = {
  summary: `Peak memory of a compute process against the formula that plans it: rows, segments and micro-batches of several
sizes, weights of its own and shared, with and without a limit; every point in a process of its own.`,
  options: {
    model: { placeholder: '<list>', description: MODEL_OPTION, value: 'smollm2' },
    tokens: {
      placeholder: '<list>',
      description: 'tokens a row; the first goes with all other sizes',
      value: '256,512,1024,2048',
      quick: '16,32',
    },
    candidates: {
      placeholder: '<list>',
      description: 'candidates of a segment',
      value: '1,4,16',
      quick: '2',
    },
    'micro-batch': {
      placeholder: '<list>',
      description: 'rows of a micro-batch',
      value: '1,2,4',
      quick: '2',
    },
    limits: {
      placeholder: '<list>',
      description: 'memory limits, in percent of what the formula gives the first sizes',
      value: '110,80',
      quick: '110',
    },
    threads: { placeholder: '<n>', description: 'threads', value: '1' },
  },
  examples: [
    'memory --json memory.json',
    'memory --model random-800m --tokens 256,2048 --candidates 1 --limits 110',
  ],
  async run(options) {
    const results: PointResult[] = [];
    await mkdir(BENCH_CACHE, { recursive: true });
    const cacheFolder = await mkdtemp(join(BENCH_CACHE, 'packed-'));
    try {
      for (const name of options.texts('model')) {
        const model = await openModel(name);
        for (const point of pointsOf(options)) {
          const result = await measurePoint(model, point, cacheFolder, options.integer('threads'));
          results.push(result);
          progress(
            `${model.name}, ${Object.values(point).join(' / ')}: ${formatBytes(result.residentBytes)}`,
          );
        }
      }
    } finally {
      await rm(cacheFolder, { recursive: true, force: true });
    }
    return { results, findings: [pointTable(results)] };
  },
};

interface Point {
  readonly tokens: number;
  readonly candidates: number;
  readonly microBatch: number;
  /** `shared, made`: the process that packs the shared file; `shared`: one that finds it. */
  readonly weights: 'own' | 'shared, made' | 'shared';
  /** Of what the formula gives. Up to 100 nothing is left for residual streams that are kept for later. */
  readonly limitPercent: number | 'all memory';
}

interface PointResult extends Point, Peak {
  readonly model: string;
  readonly formula: WorkerMemory;
  readonly limitBytes: number;
  /** What the formula gives, or the limit where it is another, over the resident peak. */
  readonly quotient: number;
}

/** The first sizes; each other size with them; the largest segment with the largest micro-batch; shared; limited. */
function pointsOf(options: OptionValues): Point[] {
  const tokens = options.integers('tokens', 2);
  const candidates = options.integers('candidates');
  const microBatches = options.integers('micro-batch');
  const first: Point = {
    tokens: tokens[0],
    candidates: candidates[0],
    microBatch: microBatches[0],
    weights: 'own',
    limitPercent: 100,
  };
  const largest = { candidates: candidates[candidates.length - 1], microBatch: microBatches.at(-1)! };
  return [
    ...tokens.map((value) => ({ ...first, tokens: value })),
    ...candidates.slice(1).map((value) => ({ ...first, candidates: value })),
    ...microBatches.slice(1).map((value) => ({ ...first, microBatch: value })),
    ...(candidates.length > 1 && microBatches.length > 1 ? [{ ...first, ...largest }] : []),
    ...(['shared, made', 'shared'] as const).map((weights) => ({ ...first, weights })),
    ...options.integers('limits').map((limitPercent) => ({ ...first, limitPercent })),
    { ...first, limitPercent: 'all memory' },
  ];
}

async function measurePoint(
  { name, checkpoint }: BenchModel,
  point: Point,
  cacheFolder: string,
  threads: number,
): Promise<PointResult> {
  const { tokens, microBatch, limitPercent } = point;
  const shapePlan: ShapePlan = {
    ...CPU_SHAPE_PLAN,
    segmentCandidates: point.candidates,
    microBatchRows: microBatch,
  };
  const formula = workerMemory(checkpoint.shape, shapePlan, tokens, { bytesPerWeight: 4 });
  const limitBytes =
    limitPercent === 'all memory' ? totalmem() : Math.round((formula.totalBytes * limitPercent) / 100);
  const microBatches = limitPercent === 100 ? MICRO_BATCHES : LIMITED_MICRO_BATCHES;
  const peak = await peakOfTask(
    {
      // Not the GGUF: nothing is to be decoded in the process that is measured.
      modelPath: checkpoint.folder,
      cacheFolder,
      device: 'cpu',
      dtype: 'fp32',
      threads,
      maxThreads: threads,
      sharedWeights: point.weights !== 'own',
      memoryLimitBytes: limitBytes,
      deviceMemoryBytes: limitBytes,
      longestRowTokens: tokens,
      microBatchRows: null,
      shapePlan,
      stages: 'auto',
    },
    {
      taskId: 'peak',
      // At the end of the model, where all candidates of the segment are alive and little is left to compute.
      sweep: {
        base: DENSE,
        candidates: allBlocks(checkpoint).slice(-point.candidates - 2, -2),
        baseline: false,
      },
      rows: randomRows(checkpoint, 0, microBatches * microBatch, tokens),
      plan: shapePlan,
      inFp32: false,
    },
  );
  const promised = limitPercent === 'all memory' ? formula.totalBytes : limitBytes;
  const quotient = promised / peak.residentBytes;
  return { model: name, ...point, ...peak, formula, limitBytes, quotient };
}

function pointTable(results: readonly PointResult[]): Finding {
  const table = tableOf(results, {
    model: ({ model }) => model,
    'row tokens': ({ tokens }) => tokens,
    candidates: ({ candidates }) => candidates,
    'micro-batch': ({ microBatch }) => microBatch,
    weights: ({ weights }) => weights,
    'peak resident': ({ residentBytes }) => formatBytes(residentBytes),
    private: ({ privateBytes }) => formatBytes(privateBytes),
    'of files': ({ fileBytes }) => formatBytes(fileBytes),
    formula: ({ formula }) => formatBytes(formula.totalBytes),
    limit: ({ limitBytes, limitPercent }) => (limitPercent === 100 ? '' : formatBytes(limitBytes)),
    '/ peak': ({ quotient }) => fixed(quotient),
  });
  return {
    title: 'Peak memory of one compute process',
    table,
    notes: [
      '/ peak: the formula, or the limit where there is one, over the resident peak. Below 1 more was used than promised.',
      'Under all memory of the machine the process keeps residual streams for later, which the formula does not count.',
      'The formula counts the process that answers as well, which is not measured here.',
    ],
  };
}
