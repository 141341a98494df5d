import { blockKind, blockLayer, formatBlock, type BlockIndex } from './block.ts';

/**
 * What is removed at once: one block (arXiv 2406.10594), or a whole layer, as layer-wise methods do. A unit is a run of
 * consecutive blocks and goes by the first of them: a layer by its attention block.
 */
export type UnitKind = 'block' | 'layer';

/** The blocks of a unit. */
export function unitBlocks(unit: UnitKind, first: BlockIndex): BlockIndex[] {
  return unit === 'layer' ? [first, first + 1] : [first];
}

/** The boundary behind a unit, where a candidate's own stream begins. */
export function unitEnd(unit: UnitKind, first: BlockIndex): BlockIndex {
  return first + (unit === 'layer' ? 2 : 1);
}

/** Text form: `mha.3`, or `layer.3` of a whole layer. */
export function formatUnit(unit: UnitKind, first: BlockIndex): string {
  return unit === 'layer' ? `layer.${blockLayer(first)}` : formatBlock(first);
}

/** Whether a block can be the first of a unit: a layer begins with its attention block. */
export function isUnitStart(unit: UnitKind, block: BlockIndex): boolean {
  return unit === 'block' || blockKind(block) === 'mha';
}
