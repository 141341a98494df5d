import { compareTie, DENSE, parseBlock, type BlockIndex } from '@blockpruner/blocks';
import { CellTable, type Cell } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cellsAskedFor,
  cellsOf,
  drive,
  searchCases,
  shapeOf,
  shuffled,
  tableOf,
  type Table,
} from '../test/table-search.ts';
import { exhaustiveSearch } from './exhaustive.ts';
import { maskOf, startOf } from './iteration.ts';
import { isSolved, type SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';
import type { Decision } from './strategy.ts';

const search = (
  problem: SearchProblem,
  table: Table,
  cells: CellTable,
  decisions: readonly Decision[] = [],
  order?: (cells: Cell[]) => Cell[],
): Decision[] => drive(exhaustiveSearch(problem), cellsOf(table, cells.rowTokens), cells, decisions, order);

/** The paper's loop, written without cells, sweeps or sorting. */
function naive(problem: SearchProblem, table: Table, rowTokens: readonly number[]) {
  const { shape, blockType, stop, keep = [], start = [], objective } = problem;
  const removed: BlockIndex[] = [...start];
  const order: BlockIndex[] = [];
  const scores: number[] = [];
  const sizeOf = (block: BlockIndex) => (block % 2 === 0 ? shape.mhaParameters : shape.mlpParameters);
  const scoreOf = (mask: BlockIndex[]) => {
    let total = 0;
    rowTokens.forEach((tokens, row) => {
      const sorted = mask.toSorted((a, b) => a - b);
      total += (table(sorted, row) * (tokens - 1)) / (tokens - 1);
    });
    return total / rowTokens.length;
  };
  let parameters = start.reduce((sum, block) => sum + sizeOf(block), 0);
  let present = scoreOf(removed);
  const solved = () => {
    if (stop.kind === 'remove') return order.length >= stop.count;
    if (stop.kind === 'ratio') return parameters / shape.totalParameters >= stop.ratio;
    if (stop.kind === 'target-params') return shape.totalParameters - parameters <= stop.parameters;
    return false;
  };
  while (!solved()) {
    let best = -1;
    let bestValue = Number.POSITIVE_INFINITY;
    let bestScore = NaN;
    for (const kind of ['mha', 'mlp'] as const) {
      for (let layer = 0; layer < shape.layerCount; layer++) {
        const block = 2 * layer + (kind === 'mha' ? 0 : 1);
        if (blockType !== 'mix' && blockType !== kind) continue;
        if (removed.includes(block) || keep.includes(block)) continue;
        const score = scoreOf([...removed, block]);
        const value = objective === 'score-per-param' ? ((score - present) / sizeOf(block)) * 1e6 : score;
        if (value < bestValue) {
          best = block;
          bestValue = value;
          bestScore = score;
        }
      }
    }
    if (best < 0) break;
    removed.push(best);
    order.push(best);
    scores.push(bestScore);
    present = bestScore;
    parameters += sizeOf(best);
  }
  return { removed: order, scores };
}

describe('exhaustiveSearch', () => {
  it('decides as the naive algorithm does', () => {
    fc.assert(
      fc.property(searchCases, ({ problem, rowTokens, table }) => {
        const decisions = search(problem, table, new CellTable(rowTokens));
        const expected = naive(problem, table, rowTokens);
        expect(decisions.map(({ removed }) => removed)).toEqual(expected.removed);
        expect(decisions.map(({ score }) => score)).toEqual(expected.scores);
      }),
    );
  });

  it('never removes what is kept, and nothing again that was gone from the start', () => {
    fc.assert(
      fc.property(searchCases, ({ problem, rowTokens, table }) => {
        const decisions = search(problem, table, new CellTable(rowTokens));
        const mask = maskOf(decisions, problem);
        expect(mask.filter((block) => problem.keep?.includes(block))).toEqual([]);
        expect(mask).toHaveLength(startOf(problem).length + decisions.length);
        expect(isSolved(problem, mask)).toBe(true);
        expect(isSolved(problem, maskOf(decisions.slice(0, -1), problem))).toBe(false);
      }),
    );
  });

  it('with a goal that is further away goes on as if it had been asked for that', () => {
    fc.assert(
      fc.property(searchCases, ({ problem, rowTokens, table }) => {
        const cells = new CellTable(rowTokens);
        const decisions = search(problem, table, cells);
        const further: SearchProblem = { ...problem, stop: { kind: 'all' } };
        const extended = search(further, table, cells, decisions);
        expect(extended).toEqual(search(further, table, new CellTable(rowTokens)));
        expect(extended.slice(0, decisions.length)).toEqual(decisions);
      }),
    );
  });

  it('decides the same whatever the order in which cells arrive', () => {
    fc.assert(
      fc.property(searchCases, fc.integer(), ({ problem, rowTokens, table }, order) => {
        const straight = search(problem, table, new CellTable(rowTokens));
        const mixed = search(problem, table, new CellTable(rowTokens), [], (cells) => shuffled(cells, order));
        expect(mixed).toEqual(straight);
      }),
    );
  });

  it('resumes from any prefix of its decisions and any subset of its cells', () => {
    fc.assert(
      fc.property(searchCases, fc.nat(), fc.integer(), ({ problem, rowTokens, table }, cut, order) => {
        const seen: Cell[] = [];
        const remember = (cells: Cell[]) => (seen.push(...cells), cells);
        const whole = search(problem, table, new CellTable(rowTokens), [], remember);
        const kept = new CellTable(rowTokens);
        const subset = shuffled(seen, order);
        for (const cell of subset.slice(0, order % 2 === 0 ? subset.length : subset.length / 2))
          kept.add(cell);
        const resumed = search(problem, table, kept, whole.slice(0, cut % (whole.length + 1)));
        expect(resumed).toEqual(whole);
      }),
    );
  });

  const rowTokens = [17, 33];
  const mix = (count: number): SearchProblem => ({
    shape: shapeOf(2),
    blockType: 'mix',
    stop: { kind: 'remove', count },
  });
  const step = (problem: SearchProblem, table: Table, cells: CellTable, decisions: Decision[] = []) => {
    const first = exhaustiveSearch(problem).step(decisions, cells);
    if (first.kind === 'evaluate')
      for (const cell of cellsAskedFor(first, cellsOf(table, cells.rowTokens), cells)) cells.add(cell);
    return exhaustiveSearch(problem).step(decisions, cells);
  };

  it('asks for every live block and, at first, for the dense model', () => {
    const cells = new CellTable(rowTokens);
    const strategy = exhaustiveSearch(mix(2));
    expect(strategy.step([], cells)).toEqual({
      kind: 'evaluate',
      sweep: { base: DENSE, candidates: [0, 1, 2, 3], baseline: true },
      rows: [0, 1],
      laterRows: [],
    });
    const decisions = search(mix(1), tableOf(1, 1000), cells);
    const [{ removed }] = decisions;
    expect(strategy.step(decisions, cells)).toEqual({
      kind: 'evaluate',
      sweep: {
        base: [removed],
        candidates: [0, 1, 2, 3].filter((block) => block !== removed),
        baseline: false,
      },
      rows: [0, 1],
      laterRows: [],
    });
  });

  it('asks only for rows and candidates that lack a cell', () => {
    const cells = new CellTable(rowTokens);
    const table = tableOf(1, 1000);
    const source = cellsOf(table, rowTokens);
    for (const candidate of [null, 0, 1, 2, 3]) cells.add(source({ mask: DENSE, candidate, row: 0 }));
    for (const candidate of [null, 0, 2]) cells.add(source({ mask: DENSE, candidate, row: 1 }));
    expect(exhaustiveSearch(mix(2)).step([], cells)).toEqual({
      kind: 'evaluate',
      sweep: { base: DENSE, candidates: [1, 3], baseline: false },
      rows: [1],
      laterRows: [],
    });
  });

  it('breaks a tie by mha before mlp, then by the lower layer', () => {
    const decisions = search(mix(4), () => 2, new CellTable(rowTokens));
    expect(decisions.map(({ removed }) => removed)).toEqual([0, 2, 1, 3]);
    expect([3, 1, 2, 0].sort(compareTie)).toEqual([0, 2, 1, 3]);
    expect(decisions[0]).toMatchObject({ runnerUp: 2, margin: 0, score: 2, perplexity: Math.exp(2) });
  });

  it('reports the runner-up, the margin and all candidates in execution order', () => {
    const nats = [2.5, 2.25, 3, 2.75];
    const done = step(mix(1), (mask) => (mask.length === 0 ? 2 : nats[mask[0]]), new CellTable(rowTokens));
    expect(done).toEqual({
      kind: 'decide',
      decision: {
        iteration: 1,
        removed: 1,
        score: 2.25,
        perplexity: Math.exp(2.25),
        runnerUp: 0,
        margin: 0.25,
        candidates: nats.map((score, block) => ({ block, score, rowCount: 2 })),
      },
    });
  });

  it('reports a candidate without a finite score and never lets it win', () => {
    const nats = [Number.NaN, 2.25, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const done = step(mix(1), (mask) => (mask.length === 0 ? 2 : nats[mask[0]]), new CellTable(rowTokens));
    expect(done).toMatchObject({ kind: 'decide', decision: { removed: 1, runnerUp: null, margin: null } });
    expect(done.kind === 'decide' && done.decision.candidates.map(({ score }) => score)).toEqual(nats);
  });

  it('fails when no candidate has a finite score, naming the first', () => {
    const table: Table = (mask) => (mask.length < 2 ? 2 : Number.NaN);
    const cells = new CellTable(rowTokens);
    const first = search(mix(1), table, cells);
    expect(() => step(mix(2), table, cells, first)).toThrow(
      /iteration 2: none of the 3 candidates has a finite score, the first being mlp\.0 with NaN/,
    );
  });

  it('fails as soon as the dense model is known to have no finite score', () => {
    const cells = new CellTable(rowTokens);
    cells.add(cellsOf(() => 2, rowTokens)({ mask: DENSE, candidate: null, row: 0 }));
    expect(exhaustiveSearch(mix(1)).step([], cells).kind).toBe('evaluate');
    cells.add(cellsOf(() => Number.POSITIVE_INFINITY, rowTokens)({ mask: DENSE, candidate: null, row: 1 }));
    expect(() => exhaustiveSearch(mix(1)).step([], cells)).toThrow(
      /dense model's score is not finite \(Infinity, first on row 1\)/,
    );
  });

  it('scores the dense model and the start mask first, and says which of them is not finite', () => {
    const cells = new CellTable(rowTokens);
    const problem: SearchProblem = { ...mix(1), start: [1] };
    const strategy = exhaustiveSearch(problem);
    expect(strategy.step([], cells)).toEqual({
      kind: 'evaluate',
      sweep: { base: DENSE, candidates: [], baseline: true },
      rows: [0, 1],
      laterRows: [],
    });
    for (const row of [0, 1]) cells.add(cellsOf(() => 2, rowTokens)({ mask: DENSE, candidate: null, row }));
    expect(strategy.step([], cells)).toEqual({
      kind: 'evaluate',
      sweep: { base: [1], candidates: [0, 2, 3], baseline: true },
      rows: [0, 1],
      laterRows: [],
    });
    cells.add(cellsOf(() => Number.NaN, rowTokens)({ mask: [1], candidate: null, row: 0 }));
    expect(() => strategy.step([], cells)).toThrow(
      /the score of the start mask mlp\.0 is not finite \(NaN, first on row 0\)/,
    );
  });

  it('fails without calibration rows', () => {
    expect(() => exhaustiveSearch(mix(1)).step([], new CellTable([]))).toThrow(SearchError);
  });

  it('stops a ratio with the first removal that reaches it', () => {
    const problem: SearchProblem = {
      shape: shapeOf(2),
      blockType: 'mix',
      stop: { kind: 'ratio', ratio: 350 / 790 },
    };
    const attentionFirst = search(problem, () => 2, new CellTable(rowTokens));
    expect(attentionFirst.map(({ removed }) => removed)).toEqual([0, 2, 1]);
    const feedForwardFirst = search(
      problem,
      (mask) => 3 - mask.filter((b) => b % 2).length,
      new CellTable([9]),
    );
    expect(feedForwardFirst.map(({ removed }) => removed)).toEqual([1, 3]);
  });

  it('refuses decisions of another search', () => {
    const [decision] = search(mix(1), tableOf(3, 9), new CellTable(rowTokens));
    const foreign = { ...decision, removed: parseBlock('mha.7') };
    expect(() => exhaustiveSearch(mix(2)).step([foreign], new CellTable(rowTokens))).toThrow(
      /iteration 1 removed mha\.7, which is no live block of block type mix/,
    );
    expect(() => exhaustiveSearch(mix(3)).step([decision, decision], new CellTable(rowTokens))).toThrow(
      SearchError,
    );
  });

  it('refuses a problem without solution', () => {
    expect(() => exhaustiveSearch(mix(5))).toThrow(SearchError);
  });
});
