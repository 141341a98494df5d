import { blocksOfType, pruningRatio, type BlockType, type Mask, type ModelShape } from '@blockpruner/blocks';
import { SearchError } from './search-error.ts';

/** When a search ends: after `count` removals, or with the first removal whose pruning ratio reaches `ratio`. */
export type StopRule =
  { readonly kind: 'remove'; readonly count: number } | { readonly kind: 'ratio'; readonly ratio: number };

/** What is searched: which blocks of which model, and how many of them go. */
export interface SearchProblem {
  readonly shape: ModelShape;
  readonly blockType: BlockType;
  readonly stop: StopRule;
}

/** @throws SearchError when the stop rule cannot be met with the blocks of the type */
export function checkProblem(problem: SearchProblem): void {
  const { shape, blockType, stop } = problem;
  const blocks = blocksOfType(blockType, shape.layerCount);
  if (stop.kind === 'remove') {
    if (!Number.isInteger(stop.count) || stop.count < 1) {
      throw new SearchError(
        `cannot remove ${stop.count} blocks: give a whole number from 1 to ${blocks.length}`,
      );
    }
    if (stop.count > blocks.length) {
      throw new SearchError(
        `cannot remove ${stop.count} blocks: the model has only ${blocks.length} of block type ${blockType}; remove fewer`,
      );
    }
    return;
  }
  if (!(stop.ratio > 0 && stop.ratio < 1)) {
    throw new SearchError(`pruning ratio ${stop.ratio} is not between 0 and 1: give a fraction such as 0.25`);
  }
  const largest = pruningRatio(shape, blocks);
  if (stop.ratio > largest) {
    throw new SearchError(
      `pruning ratio ${stop.ratio} is out of reach: removing every block of block type ${blockType} gives ${largest}; give a smaller ratio`,
    );
  }
}

/** Whether the mask meets the stop rule. */
export function isSolved(problem: SearchProblem, mask: Mask): boolean {
  const { shape, stop } = problem;
  return stop.kind === 'remove' ? mask.length >= stop.count : pruningRatio(shape, mask) >= stop.ratio;
}
