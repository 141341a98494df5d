import {
  formatMask,
  makeMask,
  pruningRatio,
  removedParameters,
  type BlockType,
  type Mask,
  type ModelShape,
  type Objective,
  type StopRule,
} from '@blockpruner/blocks';
import { meetsGoal, type Size } from './goal.ts';
import { candidatesOf, startOf } from './iteration.ts';
import { SearchError } from './search-error.ts';

/** What is searched: which blocks of which model, and how many of them go. */
export interface SearchProblem {
  readonly shape: ModelShape;
  readonly blockType: BlockType;
  readonly stop: StopRule;
  /** Blocks that never go; none where absent. */
  readonly keep?: Mask;
  /** Blocks, of any type, that are gone before the first decision; none where absent. */
  readonly start?: Mask;
  /** `score` where absent. */
  readonly objective?: Objective;
}

/** @throws SearchError naming the nearest problem that has a solution, where this one has none */
export function checkProblem(problem: SearchProblem): void {
  const { stop, keep = [] } = problem;
  const start = startOf(problem);
  const both = keep.filter((block) => start.includes(block));
  if (both.length > 0) {
    throw new SearchError(
      `${formatMask(both)} is both kept and in the start mask: take it out of --keep or of --start-mask`,
    );
  }
  const candidates = candidatesOf(problem, start);
  if (candidates.length === 0) {
    throw new SearchError(`no block${whichMayGo(problem)} is left that may go: ${fewerConstraints(problem)}`);
  }
  switch (stop.kind) {
    case 'remove':
      return checkCount(problem, stop.count, candidates.length);
    case 'ratio':
      return checkRatio(problem, stop.ratio, makeMask([...start, ...candidates]));
    case 'target-params':
      return checkParameters(problem, stop.parameters, makeMask([...start, ...candidates]));
    case 'all':
      return;
  }
}

/** How far a search has come with this mask. */
function sizeOf(problem: SearchProblem, mask: Mask): Size {
  const { shape } = problem;
  return {
    decisions: mask.length - startOf(problem).length,
    ratio: pruningRatio(shape, mask),
    parametersLeft: shape.totalParameters - removedParameters(shape, mask),
    candidatesLeft: candidatesOf(problem, mask).length,
  };
}

/** Whether the mask meets the goal of the stop rule. */
export function isSolved(problem: SearchProblem, mask: Mask): boolean {
  return meetsGoal(problem.stop, sizeOf(problem, mask));
}

function checkCount(problem: SearchProblem, count: number, most: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw new SearchError(`cannot remove ${count} blocks: give a whole number from 1 to ${most}`);
  if (count > most) {
    throw new SearchError(
      `cannot remove ${count} blocks: the model has only ${most}${whichMayGo(problem)}: give --remove ${most}${orFewerConstraints(problem)}`,
    );
  }
}

function checkRatio(problem: SearchProblem, ratio: number, everything: Mask): void {
  if (!(ratio > 0 && ratio < 1))
    throw new SearchError(`pruning ratio ${ratio} is not between 0 and 1: give a fraction such as 0.25`);
  const least = pruningRatio(problem.shape, startOf(problem));
  if (least >= ratio) {
    throw new SearchError(
      `the start mask removes ratio ${least} of the parameters, which meets --ratio ${ratio}: give a larger ratio, or start with fewer blocks`,
    );
  }
  const largest = pruningRatio(problem.shape, everything);
  if (ratio > largest) {
    const rounded = Math.floor(largest * 1e4) / 1e4;
    const nearest = rounded > least ? rounded : largest;
    throw new SearchError(
      `pruning ratio ${ratio} is out of reach: the largest ratio${whichMayGo(problem)} is ${nearest}: give --ratio ${nearest}${orFewerConstraints(problem)}`,
    );
  }
}

function checkParameters(problem: SearchProblem, parameters: number, everything: Mask): void {
  const { shape } = problem;
  const start = startOf(problem);
  const left = (mask: Mask): number => shape.totalParameters - removedParameters(shape, mask);
  if (left(start) <= parameters) {
    const without = start.length > 0 ? ' without the start mask' : '';
    throw new SearchError(
      `the model has only ${left(start)} parameters${without}, which meets --target-params ${parameters}: give at most ${left(start) - 1}`,
    );
  }
  if (left(everything) > parameters) {
    throw new SearchError(
      `${parameters} parameters are out of reach: the fewest${whichMayGo(problem)} are ${left(everything)}: give --target-params ${left(everything)}${orFewerConstraints(problem)}`,
    );
  }
}

/** Of which blocks a count or a sum is, behind the noun. */
function whichMayGo({ blockType, keep = [], start = [] }: SearchProblem): string {
  const others = [...(keep.length > 0 ? ['kept'] : []), ...(start.length > 0 ? ['in the start mask'] : [])];
  return ` of block type ${blockType}${others.length > 0 ? ` beside those ${others.join(' or ')}` : ''}`;
}

function fewerConstraints({ keep = [], start = [] }: SearchProblem): string {
  const ways = [
    ...(keep.length > 0 ? ['keep fewer blocks'] : []),
    ...(start.length > 0 ? ['start with fewer blocks'] : []),
  ];
  return ways.join(', or ');
}

function orFewerConstraints(problem: SearchProblem): string {
  return problem.keep?.length ? `, or ${fewerConstraints({ ...problem, start: [] })}` : '';
}
