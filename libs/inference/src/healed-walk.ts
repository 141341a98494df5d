import { makeMask, type BlockIndex, type Healing } from '@blockpruner/blocks';
import type { BatchWalk } from './batch-walk.ts';
import type { PrefixState } from './prefix-states.ts';

/**
 * The stream at a later boundary of a model whose removed blocks are each replaced by a factor (Prune&Comp,
 * arXiv 2507.18212).
 * @param state before `boundary`; it stays as it is
 */
export async function advanceHealed(
  walk: BatchWalk,
  state: PrefixState,
  boundary: BlockIndex,
  healing: Healing,
): Promise<PrefixState> {
  const mask = makeMask([...healing.keys()]);
  let reached = state;
  for (const block of mask) {
    if (block < state.boundary || block >= boundary) continue;
    const { values } = await walk.advance(reached, block, mask);
    const factor = healing.get(block)!;
    reached = { boundary: block + 1, values: values.map((value) => value * factor) };
  }
  return walk.advance(reached, boundary, mask);
}
