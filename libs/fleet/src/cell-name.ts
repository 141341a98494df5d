import { formatBlock, formatMask } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';

/** Longer masks are cut in messages, which are a last line of stderr. */
const MASK_TEXT_LENGTH = 80;

/** A cell as a message names it. */
export function cellName({ mask, candidate, row }: CellId): string {
  const text = formatMask(mask);
  const maskText =
    text.length <= MASK_TEXT_LENGTH
      ? text
      : `${text.slice(0, MASK_TEXT_LENGTH)}… (${mask.length} blocks removed)`;
  const tried = candidate === null ? 'the baseline' : `candidate ${formatBlock(candidate)}`;
  return `${tried} on mask ${maskText}, row ${row}`;
}
