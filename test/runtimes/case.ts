import { makeMask, parseBlock, parseMask, type Mask } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import {
  CHECKPOINT_CACHE,
  SMOLLM2_GGUF,
  smollm2RemovalOrder,
  TINY_MODELS,
  writeTinyModel,
  type TinyModelName,
} from '@blockpruner/testkit';

/** A model and the blocks that are removed from it. */
export interface Case {
  readonly model: 'smollm2' | TinyModelName;
  readonly mask: Mask;
  /** Why it is there. */
  readonly reason: string;
}

/** The first so many blocks that a search of SmolLM2 removed. */
export function searchedMask(count: number): Mask {
  return makeMask(
    smollm2RemovalOrder()
      .slice(0, count)
      .map((block) => parseBlock(block)),
  );
}

const SEARCHED = [4, 8, 12, 16].map((count) => ({
  model: 'smollm2' as const,
  mask: searchedMask(count),
  reason: `the first ${count} blocks of a search`,
}));

const MADE_UP: readonly (readonly [Case['model'], string, string])[] = [
  ['smollm2', 'mlp.12+mlp.20', 'layers of attention alone'],
  ['smollm2', 'mha.0', 'the first layer without attention'],
  ['smollm2', 'mlp.29', 'the last layer without feed-forward'],
  ['smollm2', 'mha.29+mlp.29', 'the last layer gone'],
  ['qwen2-biases', 'mha.2+mlp.1', 'biases of queries, keys and values'],
  ['qwen2-biases', 'mha.1+mlp.1', 'a plain model of another family'],
  ['llama3-rope', 'mlp.0+mlp.2', 'scaled rotary embedding'],
  ['llama-all-biases', 'mha.0+mlp.3', 'biases of all projections, both ends'],
];

export const CASES: readonly Case[] = [
  ...SEARCHED,
  ...MADE_UP.map(([model, mask, reason]) => ({ model, mask: parseMask(mask), reason })),
];

/** @param folder where a tiny model is written */
export async function openSource(model: Case['model'], folder: string): Promise<Checkpoint> {
  if (model === 'smollm2') return openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
  await writeTinyModel(folder, TINY_MODELS[model]);
  return openCheckpoint(folder, { cacheFolder: folder });
}
