import type { Checkpoint } from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';

/** The sizes of a layer of a deci file; 0 where it has no such block. */
export interface DeciLayer {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly feedForwardLength: number;
}

/** The layers of a deci file, and which blocks of them are zeros that stand in for absent ones, by layer. */
export interface DeciLayers {
  readonly sizes: readonly DeciLayer[];
  readonly zeroMha: readonly number[];
  readonly zeroMlp: readonly number[];
}

/** Rows of a feed-forward block of zeros: the least that every tensor type can be cut into. */
export const ZERO_MLP_WIDTH = 256;

/**
 * Layers that llama.cpp runs as they are meant: beside attention it needs a feed-forward block, and attention in the
 * first layer; zeros stand in where the model has none. Their output is exactly zero.
 */
export function deciLayers({ layers, shape }: Pick<Checkpoint, 'layers' | 'shape'>): DeciLayers {
  const zeroMha = layers[0].mha === null ? [0] : [];
  const sizes = layers.map(({ mha, mlp }, layer) => {
    const zeroHeads = zeroMha.includes(layer) ? 1 : 0;
    return {
      headCount: mha === null ? zeroHeads : shape.headCount,
      kvHeadCount: mha === null ? zeroHeads : shape.kvHeadCount,
      feedForwardLength: mlp === null ? ZERO_MLP_WIDTH : shape.intermediateSize,
    };
  });
  requireRunnable(sizes);
  return { sizes, zeroMha, zeroMlp: layers.flatMap(({ mlp }, layer) => (mlp === null ? [layer] : [])) };
}

/**
 * llama.cpp aborts on the second and third of these, and silently leaves attention out in the first.
 * @throws ExportError on layers that llama.cpp runs otherwise than they say, or not at all
 */
export function requireRunnable(sizes: readonly DeciLayer[]): void {
  for (const [layer, { headCount, kvHeadCount, feedForwardLength }] of sizes.entries()) {
    const refuse = (what: string) => {
      throw new ExportError(`layer ${layer} of ${sizes.length} ${what}: give it a block of zeros there`);
    };
    if (headCount > 0 && feedForwardLength === 0)
      refuse('has attention and feed_forward_length 0, which llama.cpp runs without that attention');
    if (layer === sizes.length - 1 && feedForwardLength === 0)
      refuse('is the last one and has feed_forward_length 0, on which llama.cpp aborts');
    if (layer === 0 && headCount === 0)
      refuse('is the first one and has no attention, which llama.cpp does not load');
    if (headCount > 0 && kvHeadCount === 0)
      refuse('has heads and none of keys and values, which llama.cpp takes for linear attention');
  }
}
