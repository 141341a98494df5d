import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { ShapePlan } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import type { IndexedRow } from '@blockpruner/perplexity';
import {
  CHECKPOINT_CACHE,
  SMOLLM2_GGUF,
  tinyRows,
  writeTinyModel,
  type TinyModelSpec,
} from '@blockpruner/testkit';
import { UsageError } from './options.ts';
import { progress } from './progress.ts';

export const BENCH_CACHE = resolve(import.meta.dirname, '../.cache/bench');

/** Layers of TinyLlama-1.1B's sizes, 16 of its 22, head and embedding apart: 836 million random parameters. */
const RANDOM_MODEL: TinyModelSpec = {
  modelType: 'llama',
  seed: 1,
  layerCount: 16,
  hiddenSize: 2048,
  intermediateSize: 5632,
  headCount: 32,
  kvHeadCount: 4,
  headSize: 64,
  vocabSize: 32000,
  tied: false,
  attentionBias: false,
  mlpBias: false,
  dtype: 'float32',
  shards: 16,
  ropeTheta: 10000,
  configStyle: 'old',
  normEpsilon: 1e-5,
};

/** A seed that no repeat has. */
export const WARM_UP_SEED = 1_000_000;

export const MODEL_OPTION = 'smollm2, random-800m, a Hugging Face folder or a .gguf file';

/** A model to measure with, under the name that tables give it. */
export interface BenchModel {
  readonly name: string;
  readonly path: string;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens a model by its path or its name: `smollm2`, or `random-800m`, which is written to the cache first.
 * @throws UsageError when the demo's model has not been fetched
 */
export async function openModel(name: string): Promise<BenchModel> {
  let path = name;
  if (name === 'smollm2') {
    path = SMOLLM2_GGUF;
    if (!existsSync(path)) throw new UsageError(`${path} is missing; fetch it: sh tools/setup.sh model`);
  } else if (name === 'random-800m') {
    path = await randomModel();
  }
  const checkpoint = await openCheckpoint(path, {
    cacheFolder: CHECKPOINT_CACHE,
    onProgress: (done, total) => progress(`decoding ${basename(path)}: ${done} of ${total} bytes`),
  });
  return { name: basename(name), path: resolve(path), checkpoint };
}

async function randomModel(): Promise<string> {
  const folder = join(BENCH_CACHE, 'random-800m');
  if (existsSync(folder)) return folder;
  progress('writing random-800m, 3.3 GB, once');
  const incomplete = `${folder}.incomplete`;
  await rm(incomplete, { recursive: true, force: true });
  await writeTinyModel(incomplete, RANDOM_MODEL);
  await rename(incomplete, folder);
  return folder;
}

/** Rows of random token ids: other ones for another seed, so that nothing kept from one run helps the next. */
export function randomRows(
  { shape }: Checkpoint,
  seed: number,
  count: number,
  rowTokens: number,
): IndexedRow[] {
  const lengths = Array.from({ length: count }, () => rowTokens);
  return tinyRows(shape.vocabSize, seed, lengths).map((tokenIds, i) => ({
    index: seed * count + i,
    tokenIds,
  }));
}

/** All blocks of a model. */
export function allBlocks({ shape }: Checkpoint): number[] {
  return Array.from({ length: 2 * shape.layerCount }, (_, block) => block);
}

export function planText(plan: ShapePlan): string {
  return Object.entries(plan)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
