/**
 * The words of the search: block ids, masks, sweeps and what they cost, and the parameter counts that a
 * pruning ratio is made of. Pure; imports nothing.
 */
export {
  blockIndex,
  blockKind,
  blockLayer,
  blocksOfType,
  compareTie,
  formatBlock,
  parseBlock,
} from './block.ts';
export type { BlockIndex, BlockKind, BlockType } from './block.ts';
export { blockFlops, headFlops, sweepFlops } from './cost.ts';
export { DENSE, extendMask, formatMask, isRemoved, makeMask, maskBelow, parseMask } from './mask.ts';
export type { Mask } from './mask.ts';
export { blockParameters, pruningRatio, removedParameters } from './model-shape.ts';
export type { ModelShape } from './model-shape.ts';
export { checkSweep, segmentsOf } from './sweep.ts';
export type { Segment, Sweep } from './sweep.ts';
export { CPU_SHAPE_PLAN, GPU_SHAPE_PLAN, workerMemoryBytes } from './shape-plan.ts';
export type { ShapePlan } from './shape-plan.ts';
