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
export { parseBlockList } from './block-list.ts';
export { baselineFlops, blockFlops, cellFlops, headFlops, sweepFlops } from './cost.ts';
export type { Healing } from './healing.ts';
export { DENSE, extendMask, formatMask, isRemoved, makeMask, maskBelow, parseMask } from './mask.ts';
export type { Mask } from './mask.ts';
export { blockParameters, isAbsent, pruningRatio, removedParameters, requirePresent } from './model-shape.ts';
export { repack } from './repack.ts';
export type { PackedLayer } from './repack.ts';
export type { ModelShape } from './model-shape.ts';
export { checkSweep, segmentsOf, unitOf } from './sweep.ts';
export type { Segment, Sweep } from './sweep.ts';
export { capPlan, CPU_SHAPE_PLAN, GPU_SHAPE_PLAN, shrinkPlan } from './shape-plan.ts';
export type { ShapePlan } from './shape-plan.ts';
export { largestStageBytes, stageRanges } from './stages.ts';
export type { StageRange } from './stages.ts';
export { planStages } from './stages-plan.ts';
export { leastWaveRows, waveTime } from './stages-time.ts';
export type { StageSpeed } from './stages-time.ts';
export type { Goal, Limit, Objective, StopRule } from './stop-rule.ts';
export { formatUnit, isUnitStart, unitBlocks, unitEnd } from './unit.ts';
export type { UnitKind } from './unit.ts';
export { LEAST_WORKER_BYTES, workerMemory } from './worker-memory.ts';
export type { WeightFormat, WorkerMemory } from './worker-memory.ts';
