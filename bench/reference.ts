import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKPOINT_CACHE } from '@blockpruner/testkit';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { runBlockpruner } from './blockpruner.ts';
import { cutRows, writeRows } from './calibration-rows.ts';
import { fixed, percent, tableOf } from './figures.ts';
import { BENCH_CACHE, MODEL_OPTION, openModel, type BenchModel } from './models.ts';
import { UsageError } from './options.ts';
import { progress } from './progress.ts';
import { measureVariant, VARIANTS, type Measured, type Variant } from './pytorch-search.ts';
import { spreadOf, timed, type Spread } from './timing.ts';

export const referenceBenchmark: Benchmark = {
  summary: `A whole search, the real command from start to exit, against the same search in PyTorch: the loop and the loss
path of the paper's own script, and the fastest such loop we could write (still one forward pass a candidate).
PyTorch's time is that of an evaluation, measured at points spread over the search, times their number. The same
rows on both sides, all cores to both, in turns: PyTorch, blockpruner, PyTorch, …`,
  options: {
    model: { placeholder: '<model>', description: MODEL_OPTION, value: 'smollm2' },
    rows: { placeholder: '<n>', description: 'rows of a public-domain novel', value: '16', quick: '1' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '256', quick: '32' },
    remove: { placeholder: '<k>', description: 'blocks that the search removes', value: '12', quick: '2' },
    search: {
      placeholder: '<strategy>',
      description: 'what blockpruner is told as --search',
      value: 'race',
    },
    iterations: {
      placeholder: '<n>',
      description: 'iterations that blockpruner runs; its whole search is scaled from them; 0: all',
      value: '0',
      quick: '1',
    },
    evaluations: {
      placeholder: '<n>',
      description: 'evaluations a round and way in PyTorch, after one that is not counted',
      value: '3',
      quick: '1',
    },
    repeats: { placeholder: '<n>', description: 'runs of blockpruner', value: '1' },
    ways: {
      placeholder: '<text>',
      description:
        'only the PyTorch loops whose name has this in it; fp32 where the CPU has no bf16 products, which then take 20 times as long',
      value: '',
      quick: 'fp32',
    },
    python: {
      placeholder: '<path>',
      description: 'Python with torch and transformers; default: what bench/reference/setup.sh makes',
      value: '',
    },
  },
  examples: [
    'reference --json reference.json',
    'reference --iterations 1 --python /opt/venv/bin/python',
    'reference --iterations 1 --rows 4 --ways fp32',
  ],
  run: compare,
};

async function compare(options: OptionValues): Promise<{ findings: Finding[]; results: unknown }> {
  const python = options.text('python') || join(BENCH_CACHE, 'venv/bin/python');
  if (!existsSync(python)) {
    throw new UsageError(
      `${python} is missing: run sh bench/reference/setup.sh, or name another with --python`,
    );
  }
  const variants = VARIANTS.filter(({ name }) => name.includes(options.text('ways')));
  if (variants.length === 0)
    throw new UsageError(`--ways "${options.text('ways')}" is part of no loop's name`);
  const model = await openModel(options.text('model'));
  const remove = options.integer('remove');
  const evaluationCount = evaluationsOf(model, remove);
  const rowsFile = join(BENCH_CACHE, 'reference-rows.json');
  const rows = [options.integer('rows'), options.integer('tokens', 2)] as const;
  await writeRows(rowsFile, await cutRows('book', model, ...rows, BENCH_CACHE));
  const torch = { python, modelFolder: model.checkpoint.folder, rowsFile, remove };
  const rounds: Measured[][] = variants.map(() => []);
  const torchRound = async (): Promise<void> => {
    for (const [i, variant] of variants.entries()) {
      const measured = await measureVariant(variant, {
        ...torch,
        evaluations: options.integer('evaluations'),
      });
      rounds[i].push(measured);
      const seconds = measured.evaluations.map((each) => fixed(each.seconds));
      progress(`PyTorch, ${variant.name}: ${seconds.join(', ')} s an evaluation`);
    }
  };
  const ours: Search[] = [];
  await torchRound();
  for (let repeat = 0; repeat < options.integer('repeats'); repeat++) {
    const iterations = options.integer('iterations', 0) || remove;
    ours.push(await runSearch(model, rowsFile, remove, iterations, options.text('search')));
    await torchRound();
  }
  const ways = variants.map((variant, i) => wayOf(variant, rounds[i], evaluationCount));
  return {
    findings: [evaluationTable(ways), searchTable(ways, ours, remove, options.text('search'))],
    results: { model: model.name, remove, evaluationCount, pytorch: ways, blockpruner: ours },
  };
}

/** Candidates of all iterations: one fewer in each than in the one before. */
function evaluationsOf({ name, checkpoint }: BenchModel, remove: number): number {
  const blocks = 2 * checkpoint.shape.layerCount;
  if (remove > blocks) throw new UsageError(`--remove ${remove}: ${name} has ${blocks} blocks`);
  return (remove * (2 * blocks - remove + 1)) / 2;
}

/** One run of `blockpruner prune`. */
interface Search {
  readonly seconds: number;
  readonly iterationSeconds: readonly number[];
  /** Of the whole search: measured, or scaled where fewer iterations were run. */
  readonly searchSeconds: number;
  readonly isScaled: boolean;
  readonly denseScore: number;
  readonly removed: readonly string[];
}

async function runSearch(
  model: BenchModel,
  rowsFile: string,
  remove: number,
  iterations: number,
  search: string,
): Promise<Search> {
  const parent = await mkdtemp(join(tmpdir(), 'blockpruner-bench-'));
  const output = join(parent, 'run');
  const words = [
    ...['prune', '--model', model.checkpoint.folder, '--calibration', rowsFile],
    ...['--search', search, '--remove', String(iterations), '--output', output],
    ...['--cache-dir', CHECKPOINT_CACHE],
  ];
  try {
    const { seconds } = await timed(() => runBlockpruner(words));
    const lines = readFileSync(join(output, 'iterations.jsonl'), 'utf8').trimEnd().split('\n');
    const decisions = lines.map((line) => JSON.parse(line) as { removed: string; seconds: number });
    const result = JSON.parse(readFileSync(join(output, 'result.json'), 'utf8')) as {
      dense: { score: number };
    };
    const iterationSeconds = decisions.map((decision) => decision.seconds);
    progress(
      `blockpruner: ${fixed(seconds)} s, iterations ${iterationSeconds.map((s) => fixed(s)).join(', ')} s`,
    );
    return {
      seconds,
      iterationSeconds,
      searchSeconds: (seconds * evaluationsOf(model, remove)) / evaluationsOf(model, iterations),
      isScaled: iterations < remove,
      denseScore: result.dense.score,
      removed: decisions.map((decision) => decision.removed),
    };
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

interface Way {
  readonly variant: Variant;
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly denseScore: number;
  readonly evaluationSeconds: Spread;
  readonly evaluationCpuSeconds: Spread;
  readonly searchSeconds: number;
}

function wayOf(variant: Variant, rounds: readonly Measured[], evaluationCount: number): Way {
  const evaluations = rounds.flatMap((round) => round.evaluations);
  const evaluationSeconds = spreadOf(evaluations.map(({ seconds }) => seconds));
  const { versions, threads, denseScore } = rounds[0];
  return {
    variant,
    versions,
    threads,
    denseScore,
    evaluationSeconds,
    evaluationCpuSeconds: spreadOf(evaluations.map(({ cpuSeconds }) => cpuSeconds)),
    searchSeconds: evaluationSeconds.median * evaluationCount,
  };
}

function evaluationTable(ways: readonly Way[]): Finding {
  const table = tableOf(ways, {
    PyTorch: ({ variant }) => variant.name,
    evaluations: ({ evaluationSeconds }) => evaluationSeconds.values.length,
    'median s': ({ evaluationSeconds }) => fixed(evaluationSeconds.median),
    'min s': ({ evaluationSeconds }) => fixed(evaluationSeconds.min),
    spread: ({ evaluationSeconds }) => percent(evaluationSeconds.spread),
    'min CPU s': ({ evaluationCpuSeconds }) => fixed(evaluationCpuSeconds.min),
    'dense score': ({ denseScore }) => fixed(denseScore, 6),
  });
  const versions = Object.entries(ways[0].versions).map(([name, version]) => `${name} ${version}`);
  return {
    title: 'One evaluation of the search in PyTorch',
    table,
    notes: [`${versions.join(', ')}, ${ways[0].threads} threads.`],
  };
}

function searchTable(
  ways: readonly Way[],
  searches: readonly Search[],
  remove: number,
  search: string,
): Finding {
  const ours = spreadOf(searches.map(({ searchSeconds }) => searchSeconds));
  const [{ isScaled, iterationSeconds, denseScore, removed }] = searches;
  const fastest = (['float32', 'bfloat16'] as const).flatMap((dtype) => {
    const sorted = ways
      .filter(({ variant }) => !variant.isReference && variant.dtype === dtype)
      .sort((a, b) => a.searchSeconds - b.searchSeconds);
    return sorted.slice(0, 1);
  });
  const lines = [...ways.filter(({ variant }) => variant.isReference), ...fastest].map((way) => ({
    name: `PyTorch ${way.variant.name}`,
    seconds: way.searchSeconds,
    least: (way.searchSeconds * way.evaluationSeconds.min) / way.evaluationSeconds.median,
    how: 'median evaluation x evaluations',
  }));
  const how = isScaled ? `scaled from ${iterationSeconds.length} of ${remove} iterations` : 'measured';
  const table = tableOf(
    [{ name: `blockpruner, ${search}, fp32`, seconds: ours.median, least: ours.min, how }, ...lines],
    {
      search: ({ name }) => name,
      'wall-clock s': ({ seconds }) => fixed(seconds, 1),
      'at least s': ({ least }) => fixed(least, 1),
      how: (line) => line.how,
      '/ blockpruner': ({ seconds }) => fixed(seconds / ours.median),
    },
  );
  return {
    title: `A search that removes ${remove} blocks`,
    table,
    notes: [
      'Of the faster PyTorch loops, the fastest of each type. At least: from the fastest evaluation or run.',
      `blockpruner: dense score ${fixed(denseScore, 6)}, removed ${removed.join(', ')}.`,
    ],
  };
}
