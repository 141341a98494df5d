import { formatBlock, formatMask, type Mask } from '@blockpruner/blocks';

/**
 * A model, with the mask it has so far, that computes no number: trying again would give the same. Names the first
 * part whose output is not finite.
 */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';

  /** @param block −1 stands for the embedding, `blockCount` for the head */
  constructor(mask: Mask, row: number, block: number, blockCount: number) {
    const where = block === blockCount ? 'the head' : block < 0 ? 'the embedding' : formatBlock(block);
    super(
      `${where} of the model (mask ${formatMask(mask)}) computes values that are not finite on row ${row}: check the checkpoint's weights and dtype there`,
    );
  }
}
