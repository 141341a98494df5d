import { formatBlock, parseBlock, type BlockIndex } from './block.ts';

/** The set of removed blocks: unique indices in ascending order. The dense model is the empty mask. */
export type Mask = readonly BlockIndex[];

export const DENSE: Mask = [];

/** @throws RangeError when a block is named twice */
export function makeMask(blocks: Iterable<BlockIndex>): Mask {
  const sorted = [...blocks].sort((a, b) => a - b);
  const twice = sorted.find((block, i) => block === sorted[i + 1]);
  if (twice !== undefined) throw new RangeError(`block ${formatBlock(twice)} is named twice in one mask`);
  return sorted;
}

export function isRemoved(mask: Mask, block: BlockIndex): boolean {
  return mask.includes(block);
}

/** @throws RangeError when the block is already removed */
export function extendMask(mask: Mask, block: BlockIndex): Mask {
  return makeMask([...mask, block]);
}

/** The part of a mask below a boundary: with the row and the boundary it identifies a prefix state. */
export function maskBelow(mask: Mask, boundary: number): Mask {
  return mask.filter((block) => block < boundary);
}

/** Text form, `mha.3+mlp.7`; the dense model is `dense`. */
export function formatMask(mask: Mask): string {
  return mask.length === 0 ? 'dense' : mask.map(formatBlock).join('+');
}

/** @throws RangeError naming the part that is not a block of the model */
export function parseMask(text: string, layerCount?: number): Mask {
  if (text === 'dense') return DENSE;
  return makeMask(text.split('+').map((part) => parseBlock(part.trim(), layerCount)));
}
