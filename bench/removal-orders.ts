import { parseBlock, type BlockIndex } from '@blockpruner/blocks';
import { UsageError } from './options.ts';

interface RemovalOrder {
  readonly layerCount: number;
  readonly blocks: readonly string[];
}

const LLAMA2_7B_64 =
  'mha.25 mha.27 mha.24 mha.23 mha.28 mha.29 mha.8 mlp.7 mha.19 mha.30 mlp.22 mha.21 mlp.27 mha.18 mlp.21 mlp.11 mha.12 mha.14 mlp.14 mlp.24';
const LLAMA2_7B_32 =
  'mha.27 mha.25 mha.28 mha.23 mha.24 mha.29 mha.7 mlp.6 mha.18 mha.19 mlp.26 mha.30 mha.21 mlp.23 mlp.24 mha.12 mlp.12 mlp.9 mha.10 mlp.18';

/**
 * What real searches removed, in order: Llama-2-7B with 64 and with 32 samples, as the repository of arXiv 2406.10594
 * publishes it, and SmolLM2-135M-Instruct on four rows.
 */
export const REMOVAL_ORDERS: Readonly<Record<string, RemovalOrder>> = {
  'llama-2-7b': { layerCount: 32, blocks: LLAMA2_7B_64.split(' ') },
  'llama-2-7b-32': { layerCount: 32, blocks: LLAMA2_7B_32.split(' ') },
  'smollm2-order': { layerCount: 30, blocks: ['mha.17', 'mha.29', 'mha.22', 'mlp.17'] },
};

/**
 * The order of that name, at the same relative depths of a model of so many layers; or the blocks themselves, `mha.3`,
 * separated by commas.
 * @throws UsageError when a block is not of the model
 */
export function removalOrder(name: string, layerCount: number): BlockIndex[] {
  if (!Object.hasOwn(REMOVAL_ORDERS, name)) {
    try {
      return name.split(',').map((block) => parseBlock(block, layerCount));
    } catch (error) {
      throw new UsageError(
        `--order takes ${Object.keys(REMOVAL_ORDERS).join(', ')} or blocks: ${(error as Error).message}`,
      );
    }
  }
  const order = REMOVAL_ORDERS[name];
  const scaled: BlockIndex[] = [];
  for (const block of order.blocks.map((text) => parseBlock(text))) {
    const depth = ((block >> 1) * layerCount) / order.layerCount;
    const free = Array.from({ length: layerCount }, (_, layer) => 2 * layer + (block & 1)).filter(
      (each) => !scaled.includes(each),
    );
    free.sort((a, b) => Math.abs((a >> 1) - depth) - Math.abs((b >> 1) - depth));
    if (free.length > 0) scaled.push(free[0]);
  }
  return scaled;
}
