import { blockKind, blockLayer, makeMask, parseBlock, type BlockKind } from '@blockpruner/blocks';

/**
 * `removal-order.json` in the format of the reference implementation: under "k" the k blocks that are gone after k
 * iterations, each `[kind, layer]`, sorted by layer. So the order of removal is the difference of neighbouring lists.
 */
export type RemovalOrder = Readonly<Record<string, readonly (readonly [BlockKind, number])[]>>;

/**
 * @param removed the removed blocks in text form, in order of removal
 * @throws RangeError when one is not a block, or is named twice
 */
export function buildRemovalOrder(removed: readonly string[]): RemovalOrder {
  const blocks = removed.map((text) => parseBlock(text));
  return Object.fromEntries(
    blocks.map((_, i) => [
      String(i + 1),
      makeMask(blocks.slice(0, i + 1)).map((block) => [blockKind(block), blockLayer(block)] as const),
    ]),
  );
}
