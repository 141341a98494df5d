import {
  blockKind,
  blockLayer,
  DENSE,
  makeMask,
  parseBlock,
  type BlockKind,
  type Mask,
} from '@blockpruner/blocks';

/**
 * `removal-order.json` in the format of the reference implementation: under "k" the k blocks that are gone after k
 * iterations, each `[kind, layer]`, sorted by layer. So the order of removal is the difference of neighbouring lists.
 * The first list of a search that began with a start mask holds that mask.
 */
export type RemovalOrder = Readonly<Record<string, readonly (readonly [BlockKind, number])[]>>;

/**
 * @param removed the removed blocks in text form, in order of removal
 * @param start what was gone before
 * @throws RangeError when one is not a block, or is named twice
 */
export function buildRemovalOrder(removed: readonly string[], start: Mask = DENSE): RemovalOrder {
  const blocks = removed.map((text) => parseBlock(text));
  const masks = Array.from({ length: blocks.length + 1 }, (_, count) => blocks.slice(0, count))
    .map((gone) => makeMask([...start, ...gone]))
    .filter((mask) => mask.length > 0);
  return Object.fromEntries(
    masks.map((mask) => [
      String(mask.length),
      mask.map((block) => [blockKind(block), blockLayer(block)] as const),
    ]),
  );
}
