import { DENSE, isRemoved, type Mask } from '@blockpruner/blocks';
import { CellTable, orderRows, windowCount, type Cell } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cellsAskedFor,
  cellsOf,
  drive,
  searchCases,
  shapeOf,
  shuffled,
  type CellSource,
} from '../test/table-search.ts';
import { exhaustiveSearch } from './exhaustive.ts';
import { scoreSoFar, stageOf } from './iteration.ts';
import { comparison } from './objective.ts';
import type { SearchProblem } from './problem.ts';
import { raceSearch } from './race.ts';
import { SearchError } from './search-error.ts';
import type { Decision } from './strategy.ts';

/** A number from [-1, 1) for a name and a seed. */
function noise(seed: number, ...name: (number | string)[]): number {
  let hash = seed ^ 0x9e3779b9;
  for (const char of name.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) ^ (hash >>> 15);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 31 - 1;
}

/**
 * Cells as a model has them: what rows cost differs, each block has an effect that is much the same on every mask, and
 * windows differ around it.
 * @param spread of window noise, nats
 */
function modelCells(seed: number, rowTokens: readonly number[], spread: number): CellSource {
  const effect = (mask: Mask): number =>
    mask.reduce((sum, block) => sum + 0.2 * (1 + noise(seed, 'effect', block)), 0);
  return ({ mask, candidate, row }) => {
    const full = candidate === null ? mask : [...mask, candidate];
    const targets = rowTokens[row] - 1;
    const windowSums = Float64Array.from({ length: windowCount(rowTokens[row]) }, (_, window) => {
      const inWindow = Math.min(16, targets - 16 * window);
      const own = full.reduce((sum, block) => sum + noise(seed, 'window', block, row, window), 0);
      return inWindow * (3 + noise(seed, 'row', row) + effect(full) + spread * own);
    });
    return { mask, candidate, row, windowSums };
  };
}

const problemOf = (layerCount: number, count: number): SearchProblem => ({
  shape: shapeOf(layerCount),
  blockType: 'mix',
  stop: { kind: 'remove', count },
});
const modelCases = fc.record({
  problem: fc
    .record({ layerCount: fc.integer({ min: 2, max: 5 }), count: fc.integer({ min: 1, max: 3 }) })
    .map(({ layerCount, count }) => problemOf(layerCount, count)),
  rowTokens: fc
    .record({ rows: fc.integer({ min: 2, max: 9 }), tokens: fc.constantFrom(40, 129, 260) })
    .map(({ rows, tokens }) => new Array<number>(rows).fill(tokens)),
  seed: fc.nat(),
  spread: fc.constantFrom(0, 0.02, 0.3),
});
const settings = { confidence: 0.95, seed: 42 };

describe('raceSearch', () => {
  it('decides as the exhaustive search does where nobody is dropped', () => {
    fc.assert(
      fc.property(searchCases, fc.nat(), ({ problem, rowTokens, table }, seed) => {
        const race = raceSearch(problem, { confidence: 1, seed });
        const source = cellsOf(table, rowTokens);
        const cells = new CellTable(rowTokens);
        expect(drive(race, source, cells)).toEqual(
          drive(exhaustiveSearch(problem), source, new CellTable(rowTokens)),
        );
      }),
    );
  });

  it('has its winner, runner-up and all that are left scored on all rows, as the exhaustive search scores them', () => {
    fc.assert(
      fc.property(modelCases, ({ problem, rowTokens, seed, spread }) => {
        const source = modelCells(seed, rowTokens, spread);
        const cells = new CellTable(rowTokens);
        let mask: Mask = DENSE;
        for (const decision of drive(raceSearch(problem, settings), source, cells)) {
          const finalists = decision.candidates.filter(({ dropped }) => dropped === undefined);
          expect(finalists.map(({ block }) => block)).toContain(decision.removed);
          for (const { block, score, rowCount } of finalists) {
            expect(rowCount).toBe(rowTokens.length);
            expect(score).toBe(cells.score(mask, block)!.score);
            expect(score).toBeGreaterThanOrEqual(decision.score);
          }
          const live = Array.from({ length: 2 * problem.shape.layerCount }, (_, block) => block);
          expect(decision.candidates.map(({ block }) => block)).toEqual(
            live.filter((block) => !isRemoved(mask, block)),
          );
          mask = [...mask, decision.removed].sort((a, b) => a - b);
        }
      }),
    );
  });

  it('drops and decides by the objective, and still gives scores in nats', () => {
    let drops = 0;
    fc.assert(
      fc.property(modelCases, fc.boolean(), ({ problem: given, rowTokens, seed, spread }, isStarted) => {
        const { layerCount } = given.shape;
        const problem: SearchProblem = {
          ...given,
          objective: 'score-per-param',
          ...(isStarted && layerCount > 2 && { start: [1], keep: [2] }),
        };
        const source = modelCells(seed, rowTokens, spread);
        const cells = new CellTable(rowTokens);
        const race = raceSearch(problem, settings);
        const decisions = drive(race, source, cells);
        expect(decisions).toHaveLength(given.stop.kind === 'remove' ? given.stop.count : 0);
        const order = orderRows(cells.sets, settings.seed);
        decisions.forEach((decision, i) => {
          const { mask } = stageOf(decisions.slice(0, i), problem);
          const by = comparison(problem, scoreSoFar(decisions.slice(0, i), problem, cells)!);
          const winner = decision.candidates.find(({ block }) => block === decision.removed)!;
          for (const candidate of decision.candidates) {
            if (!candidate.dropped) {
              expect(by.valueOf(candidate)).toBeGreaterThanOrEqual(by.valueOf(winner));
              continue;
            }
            drops++;
            const rows = order.slice(0, candidate.rowCount).map(({ row }) => row);
            const means = rows.map((row) => cells.rowMean({ mask, candidate: candidate.block, row })!);
            expect(candidate.score).toBeCloseTo(means.reduce((sum, mean) => sum + mean, 0) / rows.length, 9);
          }
        });
      }),
    );
    expect(drops).toBeGreaterThan(0);
  });

  it('decides the same whatever else is computed, and in whatever order it arrives', () => {
    fc.assert(
      fc.property(modelCases, fc.integer(), ({ problem, rowTokens, seed, spread }, order) => {
        const source = modelCells(seed, rowTokens, spread);
        const straight = drive(raceSearch(problem, settings), source, new CellTable(rowTokens));
        const surplus = new CellTable(rowTokens);
        const race = raceSearch(problem, settings);
        const blocks = Array.from({ length: 2 * problem.shape.layerCount }, (_, block) => block);
        const masks = straight.map((_, i) =>
          straight
            .slice(0, i)
            .map(({ removed }) => removed)
            .sort((a, b) => a - b),
        );
        const all = masks.flatMap((mask) =>
          rowTokens.flatMap((_, row) =>
            [null, ...blocks.filter((block) => !isRemoved(mask, block))].map((candidate) => ({
              mask,
              candidate,
              row,
            })),
          ),
        );
        for (const id of shuffled(all, order).slice(0, order % 2 === 0 ? all.length : all.length / 3))
          surplus.add(source(id));
        race.step([], surplus);
        expect(drive(race, source, surplus, [], (cells) => shuffled(cells, order))).toEqual(straight);
      }),
    );
  });

  it('resumes from any prefix of its decisions and any subset of its cells', () => {
    fc.assert(
      fc.property(modelCases, fc.nat(), fc.integer(), ({ problem, rowTokens, seed, spread }, cut, order) => {
        const source = modelCells(seed, rowTokens, spread);
        const seen: Cell[] = [];
        const remember = (cells: Cell[]) => (seen.push(...cells), cells);
        const whole = drive(raceSearch(problem, settings), source, new CellTable(rowTokens), [], remember);
        const kept = new CellTable(rowTokens);
        const decisions = whole.slice(0, cut % (whole.length + 1));
        const decided = new Set(decisions.map((_, i) => i)); // cells of decided iterations are on the disk
        for (const cell of seen) if (decided.has(cell.mask.length)) kept.add(cell);
        for (const cell of shuffled(seen, order).slice(0, seen.length / 2)) kept.add(cell);
        expect(drive(raceSearch(problem, settings), source, kept, decisions)).toEqual(whole);
      }),
    );
  });

  it('leaves most of the work out where effects are clear, and finds what all rows would find', () => {
    const rowTokens = new Array<number>(12).fill(260);
    const problem = problemOf(8, 3);
    let asked = 0;
    const count = (cells: Cell[]) => ((asked += cells.length), cells);
    const source = modelCells(7, rowTokens, 0.3);
    const race = drive(raceSearch(problem, settings), source, new CellTable(rowTokens), [], count);
    const raced = asked;
    asked = 0;
    const exhaustive = drive(exhaustiveSearch(problem), source, new CellTable(rowTokens), [], count);
    expect(race.map(({ removed, score }) => [removed, score])).toEqual(
      exhaustive.map(({ removed, score }) => [removed, score]),
    );
    expect(raced).toBeLessThan(asked / 2);
  });

  it('looks at the first row of its seed first, and asks for no other before that one is there', () => {
    const rowTokens = [260, 260, 260];
    const first = orderRows([{ rowCount: 3, weight: 1 }], 5).map(({ row }) => row);
    expect(
      raceSearch(problemOf(2, 1), { confidence: 0.9, seed: 5 }).step([], new CellTable(rowTokens)),
    ).toEqual({
      kind: 'evaluate',
      sweep: { base: DENSE, candidates: [0, 1, 2, 3], baseline: true },
      rows: [first[0]],
      laterRows: first.slice(1),
    });
  });

  it('says why it dropped a candidate', () => {
    const rowTokens = new Array<number>(4).fill(260);
    const source = modelCells(3, rowTokens, 0.02);
    const [decision] = drive(raceSearch(problemOf(4, 1), settings), source, new CellTable(rowTokens));
    const dropped = decision.candidates.filter((candidate) => candidate.dropped);
    expect(dropped.length).toBeGreaterThan(0);
    for (const { block, rowCount, dropped: drop } of dropped) {
      expect(rowCount).toBeLessThan(rowTokens.length);
      expect(drop!.leader).not.toBe(block);
      expect(drop!.difference).toBeGreaterThan(drop!.standardError);
    }
  });

  it('drops a candidate without a finite score at once, and fails when there is no other', () => {
    const rowTokens = new Array<number>(4).fill(260);
    const source = modelCells(3, rowTokens, 0.3);
    const broken =
      (blocks: readonly number[]): CellSource =>
      (id) => {
        const cell = source(id);
        return blocks.includes(id.candidate!)
          ? { ...cell, windowSums: cell.windowSums.map(() => NaN) }
          : cell;
      };
    const [decision] = drive(raceSearch(problemOf(2, 1), settings), broken([0, 2]), new CellTable(rowTokens));
    expect(decision.candidates.filter(({ score }) => Number.isNaN(score))).toMatchObject([
      { block: 0, rowCount: 1 },
      { block: 2, rowCount: 1 },
    ]);
    expect([1, 3]).toContain(decision.removed);
    expect(() =>
      drive(raceSearch(problemOf(2, 1), settings), broken([0, 1, 2, 3]), new CellTable(rowTokens)),
    ).toThrow(SearchError);
  });

  it('looks again at what was decided by a value that was replaced', () => {
    const rowTokens = new Array<number>(4).fill(260);
    const cells = new CellTable(rowTokens);
    const source = modelCells(3, rowTokens, 0.02);
    const race = raceSearch(problemOf(3, 1), settings);
    const [{ removed }] = drive(race, source, cells);
    for (let row = 0; row < 4; row++) {
      const cell = source({ mask: DENSE, candidate: removed, row });
      cells.replace({ ...cell, windowSums: cell.windowSums.map((sum) => sum + 100) });
    }
    const decisions: Decision[] = drive(race, source, cells);
    expect(decisions[0].removed).not.toBe(removed);
  });

  it('scores the dense model on all rows, and fails once a row of it has no finite mean', () => {
    const rowTokens = new Array<number>(4).fill(260);
    const cells = new CellTable(rowTokens);
    const source = modelCells(3, rowTokens, 0.02);
    drive(raceSearch(problemOf(2, 1), settings), source, cells);
    expect(cells.score(DENSE, null)).toBeDefined();
    const race = raceSearch(problemOf(2, 1), settings);
    const bad = new CellTable(rowTokens);
    const step = race.step([], bad);
    if (step.kind !== 'evaluate') throw new Error('nothing was asked for');
    for (const cell of cellsAskedFor(step, source, bad))
      bad.add(cell.candidate === null ? { ...cell, windowSums: cell.windowSums.map(() => Infinity) } : cell);
    expect(() => race.step([], bad)).toThrow(/dense model's score is not finite/);
  });
});
