import {
  blockFlops,
  headFlops,
  isRemoved,
  unitEnd,
  unitOf,
  type BlockIndex,
  type Mask,
  type Sweep,
} from '@blockpruner/blocks';
import type { Sizes, Work } from './task.ts';

/** Of one mask on rows of one length, FLOPs. */
interface RowCosts {
  /** Of the live blocks from each boundary to the head. */
  readonly behind: Float64Array;
  readonly head: number;
}

/** Masks of which costs are kept: that of an iteration, of the one before, and of one begun ahead. */
const MASKS_KEPT = 4;

/**
 * What cells cost, in FLOPs of the cost model (`sweepFlops` of @blockpruner/blocks, whose sums these are), looked up
 * rather than counted anew, since every assignment asks for some.
 */
export class Costs {
  private readonly sizes: Sizes;
  /** Mask → row length → costs, the latest mask last. */
  private readonly kept = new Map<string, Map<number, RowCosts>>();

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  /** The baseline's walk of a row from one boundary to a later one. */
  walk(base: Mask, row: number, from: BlockIndex, to: BlockIndex): number {
    const { behind } = this.of(base, row);
    return behind[from] - behind[to];
  }

  /** Of a cell on top of the baseline's walk to it; of the baseline's own (null) the head alone. */
  cell(sweep: Sweep, row: number, candidate: BlockIndex | null): number {
    const { behind, head } = this.of(sweep.base, row);
    return head + (candidate === null ? 0 : behind[unitEnd(unitOf(sweep), candidate)]);
  }

  /** Of the cells of one row of some work. @param from where the baseline's stream is at hand; 0: the embedding */
  row(work: Sweep, row: number, from: BlockIndex = 0): number {
    const { behind, head } = this.of(work.base, row);
    const unit = unitOf(work);
    const last = work.candidates.at(-1);
    const end = work.baseline ? behind.length - 1 : (last ?? from);
    let flops = behind[from] - behind[Math.max(from, end)] + (work.baseline ? head : 0);
    for (const first of work.candidates) flops += behind[unitEnd(unit, first)] + head;
    return flops;
  }

  /** Of all rows of some work. */
  work(work: Work): number {
    let flops = 0;
    for (const row of work.rows) flops += this.row(work, row);
    return flops;
  }

  private of(base: Mask, row: number): RowCosts {
    const { shape, rowTokens } = this.sizes;
    const tokens = rowTokens[row];
    const key = base.join();
    let ofMask = this.kept.get(key);
    if (ofMask === undefined) {
      ofMask = new Map();
      this.kept.set(key, ofMask);
      if (this.kept.size > MASKS_KEPT) this.kept.delete(this.kept.keys().next().value!);
    }
    let costs = ofMask.get(tokens);
    if (costs === undefined) {
      const behind = new Float64Array(2 * shape.layerCount + 1);
      for (let block = behind.length - 2; block >= 0; block--)
        behind[block] = behind[block + 1] + (isRemoved(base, block) ? 0 : blockFlops(shape, block, tokens));
      costs = { behind, head: headFlops(shape, tokens) };
      ofMask.set(tokens, costs);
    }
    return costs;
  }
}
