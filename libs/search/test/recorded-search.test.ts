import { CellTable, type Cell } from '@blockpruner/perplexity';
import { beforeAll, describe, expect, it } from 'vitest';
import { exhaustiveSearch } from '../src/exhaustive.ts';
import type { SearchProblem } from '../src/problem.ts';
import { raceSearch } from '../src/race.ts';
import type { Decision, Strategy } from '../src/strategy.ts';
import { smollm2Table, type RecordedTable } from './recorded-table.ts';
import { drive, shapeOf } from './table-search.ts';

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed + 42);

describe('a search on the cells of a real model', () => {
  let table: RecordedTable;
  let problem: SearchProblem;
  beforeAll(() => {
    table = smollm2Table();
    const { layerCount, blockType, removed } = table;
    problem = { shape: shapeOf(layerCount), blockType, stop: { kind: 'remove', count: removed.length } };
  });

  function searched(strategy: Strategy): { decisions: Decision[]; cellCount: number } {
    let cellCount = 0;
    const count = (cells: Cell[]) => ((cellCount += cells.length), cells);
    const decisions = drive(strategy, table.cell, new CellTable(table.rowTokens), [], count);
    return { decisions, cellCount };
  }
  const choices = (decisions: readonly Decision[]) => decisions.map(({ removed, score }) => [removed, score]);

  it('removes what the recorded one did', () => {
    const { decisions, cellCount } = searched(exhaustiveSearch(problem));
    expect(decisions.map(({ removed }) => removed)).toEqual(table.removed);
    expect(cellCount).toBe((60 + 59 + 58 + 57 + 1) * table.rowTokens.length);
  });

  it('is the same by a race that drops nobody, whatever its order', () => {
    const exhaustive = searched(exhaustiveSearch(problem)).decisions;
    for (const seed of SEEDS.slice(0, 3))
      expect(searched(raceSearch(problem, { confidence: 1, seed })).decisions).toEqual(exhaustive);
  });

  it('is the same by a race at its default confidence, for less than 0.35 of the cells', () => {
    const exhaustive = searched(exhaustiveSearch(problem));
    for (const seed of SEEDS) {
      const race = searched(raceSearch(problem, { confidence: 0.95, seed }));
      expect(choices(race.decisions)).toEqual(choices(exhaustive.decisions));
      expect(race.cellCount).toBeLessThan(0.35 * exhaustive.cellCount);
    }
  });

  it('resumes from any decision and any of its cells', () => {
    for (const seed of SEEDS.slice(0, 3)) {
      const seen: Cell[] = [];
      const remember = (cells: Cell[]) => (seen.push(...cells), cells);
      const strategy = () => raceSearch(problem, { confidence: 0.95, seed });
      const whole = drive(strategy(), table.cell, new CellTable(table.rowTokens), [], remember);
      for (let decided = 0; decided < whole.length; decided++) {
        const cells = new CellTable(table.rowTokens);
        seen
          .filter((cell, i) => cell.mask.length < decided || i % 3 === 0)
          .forEach((cell) => cells.add(cell));
        expect(drive(strategy(), table.cell, cells, whole.slice(0, decided))).toEqual(whole);
      }
    }
  });
});
