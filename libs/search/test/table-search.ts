import {
  blocksOfType,
  formatMask,
  removedParameters,
  type Mask,
  type ModelShape,
  type StopRule,
} from '@blockpruner/blocks';
import { windowCount, type Cell, type CellId, type CellTable } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { expect } from 'vitest';
import { candidatesOf, startOf } from '../src/iteration.ts';
import type { SearchProblem } from '../src/problem.ts';
import type { Decision, Step, Strategy } from '../src/strategy.ts';

/** Row mean in nats of a mask (sorted, the candidate in it) on a row. */
export type Table = (mask: Mask, row: number) => number;

export const shapeOf = (layerCount: number): ModelShape => ({
  layerCount,
  hiddenSize: 8,
  intermediateSize: 16,
  headCount: 2,
  kvHeadCount: 2,
  headSize: 4,
  vocabSize: 32,
  mhaParameters: 100,
  mlpParameters: 250,
  totalParameters: 350 * layerCount + 90,
});

/** Where cells come from. */
export type CellSource = (id: CellId) => Cell;

/** Cells of a table of row means. */
export function cellsOf(table: Table, rowTokens: readonly number[]): CellSource {
  return ({ mask, candidate, row }) => {
    const full = candidate === null ? mask : [...mask, candidate].sort((a, b) => a - b);
    const windowSums = new Float64Array(windowCount(rowTokens[row]));
    windowSums[0] = table(full, row) * (rowTokens[row] - 1);
    return { mask, candidate, row, windowSums };
  };
}

/** The cells of a step that are not there yet. */
export function cellsAskedFor(
  { sweep, rows }: Step & { kind: 'evaluate' },
  source: CellSource,
  cells: CellTable,
): Cell[] {
  const candidates = [...sweep.candidates, ...(sweep.baseline ? [null] : [])];
  return rows
    .flatMap((row) => candidates.map((candidate) => ({ mask: sweep.base, candidate, row })))
    .filter((id) => !cells.has(id))
    .map(source);
}

/** Drives a search to its end, with cells computed as they are asked for. */
export function drive(
  strategy: Strategy,
  source: CellSource,
  cells: CellTable,
  decisions: readonly Decision[] = [],
  order: (cells: Cell[]) => Cell[] = (arrived) => arrived,
): Decision[] {
  for (;;) {
    const step = strategy.step(decisions, cells);
    if (step.kind === 'done') return [...decisions];
    if (step.kind === 'decide') decisions = [...decisions, step.decision];
    else {
      const asked = cellsAskedFor(step, source, cells);
      expect(asked.length).toBeGreaterThan(0);
      for (const cell of order(asked)) cells.add(cell);
    }
  }
}

/** A table of few values, so that ties are common, out of a seed. */
export function tableOf(seed: number, values: number): Table {
  return (mask, row) => {
    let hash = seed ^ 0x9e3779b9;
    for (const char of `${formatMask(mask)}/${row}`) {
      hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
      hash ^= hash >>> 15;
    }
    return 1 + ((hash >>> 0) % values) / 8;
  };
}

/** Searches of any kind, on tables in which ties are common. */
export const searchCases = fc
  .record({
    layerCount: fc.integer({ min: 1, max: 4 }),
    blockType: fc.constantFrom('mix', 'mha', 'mlp'),
    rowTokens: fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 4 }),
    seed: fc.integer(),
    values: fc.constantFrom(2, 5, 1000),
    share: fc.double({ min: 0.01, max: 1, noNaN: true }),
    kind: fc.constantFrom('remove', 'ratio', 'target-params', 'all'),
    objective: fc.constantFrom(undefined, 'score', 'score-per-param'),
    /** Of each block: whether it is kept, gone from the start, or neither. */
    fates: fc.array(fc.constantFrom('free', 'free', 'kept', 'start'), { minLength: 8, maxLength: 8 }),
    isConstrained: fc.boolean(),
  })
  .map(({ layerCount, blockType, rowTokens, seed, values, share, kind, objective, fates, isConstrained }) => {
    const shape = shapeOf(layerCount);
    const blocks = blocksOfType('mix', layerCount);
    const fated = (fate: string) => blocks.filter((block) => fates[block] === fate);
    const free: SearchProblem = { shape, blockType, objective, stop: { kind: 'all' } };
    const constrained: SearchProblem = { ...free, keep: fated('kept'), start: fated('start') };
    const some = candidatesOf(constrained, startOf(constrained)).length > 0;
    const problem = isConstrained && some ? constrained : free;
    const start = startOf(problem);
    const candidates = candidatesOf(problem, start);
    const removable = share * removedParameters(shape, candidates);
    const gone = removedParameters(shape, start) + removable;
    const stop: StopRule = {
      remove: { kind: 'remove' as const, count: Math.ceil(share * candidates.length) },
      ratio: { kind: 'ratio' as const, ratio: (gone / shape.totalParameters) * (1 - 1e-12) },
      'target-params': {
        kind: 'target-params' as const,
        parameters: Math.floor(shape.totalParameters - gone),
      },
      all: { kind: 'all' as const },
    }[kind];
    return { problem: { ...problem, stop }, rowTokens, table: tableOf(seed, values), seed };
  });

export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  let state = seed >>> 0;
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}
