import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { blockParameters, makeMask, parseBlock, removedParameters, type Mask } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { prunedModel } from '@blockpruner/export';
import { smollm2RemovalOrder } from '@blockpruner/testkit';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS } from '../tools/reference/runtimes/runtimes-python.ts';
import { writeExportAs, type Form, type WrittenDtype } from '../tools/reference/runtimes/write-export-as.ts';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { fixed, percent, sum, tableOf } from './figures.ts';
import { openModel } from './models.ts';
import { UsageError } from './options.ts';
import { progress } from './progress.ts';
import { spreadOf, type Spread } from './timing.ts';

/** A runtime, and the form and type of the exports it is given. */
interface Way {
  readonly name: string;
  readonly runtime: 'llamacpp' | 'genai';
  readonly form: Form;
  readonly dtype: WrittenDtype;
}

const WAYS: readonly Way[] = [
  { name: 'llama.cpp, F32', runtime: 'llamacpp', form: 'gguf', dtype: 'fp32' },
  { name: 'llama.cpp, Q4_1', runtime: 'llamacpp', form: 'gguf', dtype: 'source' },
  { name: 'ONNX Runtime GenAI, fp32', runtime: 'genai', form: 'onnx', dtype: 'fp32' },
];

export const speedupBenchmark: Benchmark = {
  summary:
    'Speed of exports without a tenth, a fifth and three tenths of the parameters of blocks, beside the dense model, in\nllama.cpp and ONNX Runtime GenAI on one thread',
  options: {
    remove: { placeholder: '<n,n>', description: 'blocks to leave out', value: '9,16,22', quick: '16' },
    prompt: { placeholder: '<n>', description: 'tokens of the prompt', value: '256', quick: '16' },
    tokens: { placeholder: '<n>', description: 'tokens behind it', value: '64', quick: '4' },
    repeats: { placeholder: '<n>', description: 'turns, of which the median counts', value: '7', quick: '1' },
    ways: {
      placeholder: '<text>',
      description: 'only runtimes whose name has this in it, as in "llama.cpp" or "Q4_1"',
      value: '',
    },
    python: {
      placeholder: '<file>',
      description: 'Python with the runtimes; default: what tools/reference/runtimes/setup.sh makes',
      value: '',
    },
  },
  examples: ['speedup', 'speedup --ways llama.cpp --json speedup.json'],
  run: measure,
};

async function measure(options: OptionValues): Promise<{ findings: Finding[]; results: unknown }> {
  const python = options.text('python') || RUNTIMES_PYTHON;
  if (!existsSync(python)) {
    throw new UsageError(
      `${python} is missing: run sh tools/reference/runtimes/setup.sh, or name another with --python`,
    );
  }
  const ways = WAYS.filter(({ name }) => name.includes(options.text('ways')));
  if (ways.length === 0)
    throw new UsageError(`--ways "${options.text('ways')}" is part of no runtime's name`);
  const { checkpoint } = await openModel('smollm2');
  const order = smollm2RemovalOrder().map((block) => parseBlock(block));
  const counts = [0, ...options.integers('remove')];
  const tooMany = counts.find((count) => count > order.length);
  if (tooMany !== undefined)
    throw new UsageError(`--remove ${tooMany}: the order has ${order.length} blocks`);
  const masks = counts.map((count) => makeMask(order.slice(0, count)));

  const findings: Finding[] = [];
  const results: unknown[] = [];
  for (const way of ways) {
    const times = await timesOf(way, python, checkpoint, masks, options);
    const rows = masks.map((mask, i) => speedRow(checkpoint, mask, times[i], options));
    findings.push({ title: `${way.name}, one thread`, table: speedTable(rows), notes: [] });
    results.push({ way: way.name, rows });
  }
  const notes = [
    `Tokens per second of CPU time: a prompt of ${options.text('prompt')} tokens, then ${options.text('tokens')} one by one; medians of ${options.text('repeats')} turns in which each model runs once.`,
    `Blocks in the order in which they go: ${smollm2RemovalOrder()
      .slice(0, Math.max(...counts))
      .join(', ')}.`,
  ];
  findings[findings.length - 1] = { ...findings[findings.length - 1], notes };
  return { findings, results };
}

/** CPU seconds of each turn. */
interface Times {
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
}

/** Writes the exports of all masks, and has one process run them in turns. */
async function timesOf(
  way: Way,
  python: string,
  source: Checkpoint,
  masks: readonly Mask[],
  options: OptionValues,
): Promise<Times[]> {
  const folder = await mkdtemp(join(tmpdir(), 'blockpruner-bench-'));
  try {
    const paths: string[] = [];
    for (const mask of masks) {
      progress(`${way.name}: writing the model without ${mask.length} blocks`);
      const output = join(folder, String(mask.length));
      paths.push(await writeExportAs(prunedModel(source, mask), way.form, way.dtype, output));
    }
    const sizes = ['prompt', 'tokens', 'repeats'].map((name) => String(options.integer(name)));
    progress(`${way.name}: running ${paths.length} models in turns`);
    const env = { ...process.env, CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1' };
    const words = [join(RUNTIME_SCRIPTS, 'time_runs.py'), way.runtime, ...sizes, ...paths];
    const { stdout } = await promisify(execFile)(python, words, { env, maxBuffer: 2 ** 24 });
    return JSON.parse(stdout) as Times[];
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new Error(`${way.name}: ${stderr.trimEnd().split('\n').at(-1) || message}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface SpeedRow {
  readonly blocks: number;
  /** Of the parameters of all blocks, and of all parameters. */
  readonly ofBlocks: number;
  readonly ofModel: number;
  readonly prefillTokensPerSecond: Spread;
  readonly decodeTokensPerSecond: Spread;
}

function speedRow({ shape }: Checkpoint, mask: Mask, times: Times, options: OptionValues): SpeedRow {
  const all = sum(Array.from({ length: 2 * shape.layerCount }, (_, block) => blockParameters(shape, block)));
  const removed = removedParameters(shape, mask);
  const speed = (tokens: number, seconds: readonly number[]): Spread =>
    spreadOf(seconds.map((each) => tokens / each));
  return {
    blocks: mask.length,
    ofBlocks: removed / all,
    ofModel: removed / shape.totalParameters,
    prefillTokensPerSecond: speed(options.integer('prompt'), times.prefill),
    decodeTokensPerSecond: speed(options.integer('tokens'), times.decode),
  };
}

function speedTable(rows: readonly SpeedRow[]): string {
  const [dense] = rows;
  const ratio = (name: 'prefillTokensPerSecond' | 'decodeTokensPerSecond', row: SpeedRow): string =>
    `${fixed(row[name].median / dense[name].median)}x`;
  return tableOf(rows, {
    'blocks removed': ({ blocks }) => blocks,
    'of block parameters': ({ ofBlocks }) => percent(ofBlocks),
    'of all parameters': ({ ofModel }) => percent(ofModel),
    'prefill tokens/s': (row) => fixed(row.prefillTokensPerSecond.median, 1),
    prefill: (row) => ratio('prefillTokensPerSecond', row),
    'decode tokens/s': (row) => fixed(row.decodeTokensPerSecond.median, 1),
    decode: (row) => ratio('decodeTokensPerSecond', row),
    spread: (row) => percent(Math.max(row.prefillTokensPerSecond.spread, row.decodeTokensPerSecond.spread)),
  });
}
