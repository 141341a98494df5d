import { makeMask, parseBlock, type BlockIndex, type Mask } from '@blockpruner/blocks';
import { CellTable, windowCount } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shapeOf } from '../test/table-search.ts';
import type { SearchProblem } from './problem.ts';
import type { Decision } from './strategy.ts';
import { verifyDecision, type Finding } from './verification.ts';

const SHAPE = shapeOf(2);
const PROBLEM: SearchProblem = { shape: SHAPE, blockType: 'mix', stop: { kind: 'remove', count: 3 } };
const BLOCKS = [0, 1, 2, 3];
const ROW_TOKENS = [5, 9];

/** The only thing of a decision that counts here is what it removed. */
function decisionsOf(...removed: BlockIndex[]): Decision[] {
  return removed.map((block, i) => ({
    iteration: i + 1,
    removed: block,
    score: 0,
    perplexity: 1,
    runnerUp: null,
    margin: null,
    candidates: [],
  }));
}

function addCell(cells: CellTable, mask: Mask, candidate: BlockIndex | null, row: number, mean: number) {
  const windowSums = new Float64Array(windowCount(ROW_TOKENS[row]));
  windowSums[0] = mean * (ROW_TOKENS[row] - 1);
  cells.add({ mask, candidate, row, windowSums });
}

/** Cells of one iteration: each candidate has its mean on all rows. */
function cellsOf(mask: Mask, means: readonly number[]): CellTable {
  const cells = new CellTable(ROW_TOKENS);
  ROW_TOKENS.forEach((_, row) => {
    if (mask.length === 0) addCell(cells, mask, null, row, 1);
    for (const block of BLOCKS) if (!mask.includes(block)) addCell(cells, mask, block, row, means[block]);
  });
  return cells;
}

function findingOf(...of: Parameters<typeof verifyDecision>): Finding {
  const step = verifyDecision(...of);
  if (step.kind !== 'found') throw new Error('cells are missing');
  return step.finding;
}

describe('a verification', () => {
  it('goes by the objective of the search', () => {
    const problem: SearchProblem = { ...PROBLEM, objective: 'score-per-param' };
    // Per million parameters: 5000, 4000, 10000 and 6000, where the dense model has 1 nat.
    const cells = cellsOf([], [1.5, 2, 2, 2.5]);
    const finding = findingOf(problem, decisionsOf(0), 1, cells);
    expect(finding).toMatchObject({ removed: 0, score: 1.5, best: 1, bestScore: 2, regretNats: 1000 });
  });

  it('asks for every candidate and row that the search left out, and for nothing else', () => {
    const cells = new CellTable(ROW_TOKENS);
    for (const block of [0, 2, 3]) addCell(cells, [1], block, 0, 2);
    for (const block of [0, 2]) addCell(cells, [1], block, 1, 2);
    expect(verifyDecision(PROBLEM, decisionsOf(1, 2), 2, cells)).toEqual({
      kind: 'evaluate',
      sweep: { base: [1], candidates: [3], baseline: false },
      rows: [1],
      laterRows: [],
    });
  });

  it('finds the block that the exhaustive search removes instead, and what that costs', () => {
    const cells = cellsOf([1], [2.5, 0, 2.25, 3]);
    expect(findingOf(PROBLEM, decisionsOf(1, 3), 2, cells)).toEqual({
      iteration: 2,
      removed: 3,
      score: 3,
      best: 2,
      bestScore: 2.25,
      regretNats: 0.75,
    });
  });

  it('agrees with a choice that fp32 made among close candidates, and with no other', () => {
    const cells = cellsOf([], [2, 2.0001, 3, 3]);
    expect(findingOf(PROBLEM, decisionsOf(1), 1, cells, [0, 1])).toMatchObject({ best: 1, regretNats: 0 });
    expect(findingOf(PROBLEM, decisionsOf(2), 1, cells, [1, 2])).toMatchObject({ best: 0, regretNats: 1 });
  });

  it('breaks ties by the paper, which costs nothing but is another choice', () => {
    const cells = cellsOf([], [3, 2, 2, 2]);
    const finding = findingOf(PROBLEM, decisionsOf(parseBlock('mlp.0')), 1, cells);
    expect(finding).toMatchObject({ best: parseBlock('mha.1'), regretNats: 0 });
  });

  it('calls the regret of a block without a finite score infinite', () => {
    const cells = cellsOf([], [NaN, 2, 3, 3]);
    expect(findingOf(PROBLEM, decisionsOf(0), 1, cells)).toMatchObject({ best: 1, regretNats: Infinity });
  });

  it('has an iteration for each decision only', () => {
    const cells = cellsOf([], [1, 2, 3, 4]);
    expect(() => verifyDecision(PROBLEM, decisionsOf(0), 2, cells)).toThrow(RangeError);
  });

  it('finds the least score, and never a regret below 0', () => {
    const nats = fc.double({ min: 0, max: 20, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(nats, { minLength: 4, maxLength: 4 }),
        fc.shuffledSubarray(BLOCKS, { minLength: 1, maxLength: 3 }),
        (means, removed) => {
          const mask = makeMask(removed.slice(0, -1));
          const cells = cellsOf(mask, means);
          const finding = findingOf(PROBLEM, decisionsOf(...removed), removed.length, cells);
          const scores = BLOCKS.filter((block) => !mask.includes(block)).map(
            (block) => cells.score(mask, block)!.score,
          );
          expect(finding.bestScore).toBe(Math.min(...scores));
          expect(finding.regretNats).toBe(finding.score - finding.bestScore);
        },
      ),
    );
  });
});
