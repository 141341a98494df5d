import type { BlockIndex } from './block.ts';

/** By what the residual stream is multiplied in the place of each removed block (Prune&Comp, arXiv 2507.18212). */
export type Healing = ReadonlyMap<BlockIndex, number>;
