import {
  blockFlops,
  extendMask,
  headFlops,
  isRemoved,
  maskBelow,
  type BlockIndex,
  type Mask,
  type ModelShape,
} from '@blockpruner/blocks';

/** One row, one iteration. */
export interface IterationFlops {
  readonly without: number;
  readonly withStates: number;
}

/**
 * FLOPs of each iteration of a search that removes these blocks, without states of the iteration before and with all
 * that lie at `boundaries`.
 */
export function iterationFlops(
  shape: ModelShape,
  order: readonly BlockIndex[],
  boundaries: readonly BlockIndex[],
  rowTokens: number,
): IterationFlops[] {
  const blockCount = 2 * shape.layerCount;
  const blocks = Array.from({ length: blockCount }, (_, block) => block);
  const cost = blocks.map((block) => blockFlops(shape, block, rowTokens));
  const head = headFlops(shape, rowTokens);
  const walk = (start: BlockIndex, mask: Mask): number =>
    blocks.reduce((sum, block) => sum + (block < start || isRemoved(mask, block) ? 0 : cost[block]), head);
  const stateKey = (boundary: BlockIndex, mask: Mask): string =>
    `${boundary}/${maskBelow(mask, boundary).join()}`;
  const kept = new Set<string>();
  let base: Mask = [];
  return order.map((removed) => {
    const masks = blocks
      .filter((block) => !isRemoved(base, block))
      .map((candidate) => ({ candidate, mask: extendMask(base, candidate) }));
    let without = walk(0, base);
    let withStates = without;
    for (const { candidate, mask } of masks) {
      const known = boundaries.filter((b) => b > candidate + 1 && kept.has(stateKey(b, mask)));
      without += walk(candidate + 1, mask);
      withStates += walk(Math.max(candidate + 1, ...known), mask);
    }
    for (const { candidate, mask } of masks) {
      for (const boundary of boundaries) if (boundary > candidate) kept.add(stateKey(boundary, mask));
    }
    base = extendMask(base, removed);
    return { without, withStates };
  });
}

/** Where equal parts of the model meet; every boundary where there are as many parts as blocks. */
export function partBoundaries(blockCount: number, parts: number): BlockIndex[] {
  const boundaries = Array.from({ length: parts - 1 }, (_, i) => Math.round(((i + 1) * blockCount) / parts));
  return [...new Set(boundaries)].filter((boundary) => boundary > 0 && boundary < blockCount);
}

/** How much faster all iterations behind the first are, taken together. */
export function speedUp(iterations: readonly IterationFlops[]): number {
  const later = iterations.slice(1);
  const sum = (of: (each: IterationFlops) => number): number =>
    later.reduce((total, each) => total + of(each), 0);
  return sum(({ without }) => without) / sum(({ withStates }) => withStates);
}
