import { isUnitStart, sweepFlops, unitBlocks, type BlockIndex } from '@blockpruner/blocks';
import { cellKey } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { always, denseWork, shapeOf } from '../test/tiny-fleet.ts';
import { candidateRanges } from './candidate-ranges.ts';
import { cutWork, halveWork, missingWork } from './cut.ts';
import { cellCount, cellsOf, workFlops, type Sizes, type Work } from './task.ts';

const keysOf = (works: readonly Work[]) => works.flatMap((work) => cellsOf(work).map(cellKey));

const arbitraryWork = fc
  .record({
    layerCount: fc.integer({ min: 1, max: 8 }),
    rowTokens: fc.array(fc.integer({ min: 2, max: 80 }), { minLength: 1, maxLength: 40 }),
    removed: fc.uniqueArray(fc.nat(15), { maxLength: 5 }),
    left: fc.uniqueArray(fc.nat(15), { minLength: 1 }),
    unit: fc.constantFrom('block' as const, 'layer' as const),
    baseline: fc.boolean(),
    holes: fc.func(fc.boolean()),
    hasHoles: fc.boolean(),
  })
  .map(({ layerCount, rowTokens, removed, left, unit, baseline, holes, hasHoles }) => {
    const blocks = Array.from({ length: 2 * layerCount }, (_, block): BlockIndex => block);
    const base = blocks.filter((block) => removed.includes(block));
    const candidates = blocks.filter(
      (block) =>
        left.includes(block) &&
        isUnitStart(unit, block) &&
        unitBlocks(unit, block).every((each) => !removed.includes(each)),
    );
    const sizes: Sizes = { shape: shapeOf(layerCount), rowTokens };
    const work: Work = { base, candidates, unit, baseline, rows: rowTokens.map((_, row) => row) };
    const present = new Set(hasHoles ? keysOf([work]).filter((key) => holes(key)) : []);
    return { sizes, work, present };
  });

describe('cutWork', () => {
  it('puts each missing cell into exactly one part, in contiguous ranges of what a row lacks', () => {
    fc.assert(
      fc.property(arbitraryWork, fc.integer({ min: 0, max: 12 }), ({ sizes, work, present }, workers) => {
        const parts = cutWork(sizes, work, workers, (id) => !present.has(cellKey(id)));
        const missing = keysOf([work]).filter((key) => !present.has(key));
        expect(keysOf(parts).sort()).toEqual(missing.sort());
        for (const row of work.rows) {
          const ofRow = parts.filter((part) => part.rows.includes(row));
          const lacking = work.candidates.filter(
            (candidate) => !present.has(cellKey({ mask: work.base, candidate, row })),
          );
          expect(ofRow.flatMap(({ candidates }) => candidates)).toEqual(lacking);
          expect(ofRow.slice(0, -1).some(({ baseline }) => baseline)).toBe(false);
        }
        expect(parts.every((part) => cellCount(part) > 0)).toBe(true);
      }),
    );
  });

  it('keeps one row a task where rows suffice for the workers', () => {
    const sizes = { shape: shapeOf(4), rowTokens: new Array<number>(8).fill(32) };
    const parts = cutWork(sizes, denseWork(4, 8), 2, always);
    expect(parts.map(({ rows }) => rows)).toEqual([[0], [1], [2], [3], [4], [5], [6], [7]]);
    expect(parts.every(({ candidates, baseline }) => candidates.length === 8 && baseline)).toBe(true);
  });

  it('joins rows where they are many, so that the number of tasks stays bounded', () => {
    const sizes = { shape: shapeOf(2), rowTokens: new Array<number>(500).fill(32) };
    const parts = cutWork(sizes, denseWork(2, 500), 2, always);
    expect(parts.length).toBeGreaterThanOrEqual(16);
    expect(parts.length).toBeLessThanOrEqual(18);
  });

  it('splits candidates where rows are few, with the baseline in the last range', () => {
    const sizes = { shape: shapeOf(8), rowTokens: [32] };
    const parts = cutWork(sizes, denseWork(8, 1), 1, always);
    expect(parts).toHaveLength(4);
    expect(parts.map(({ baseline }) => baseline)).toEqual([false, false, false, true]);
  });

  it('goes down to single candidates for many workers, and no further', () => {
    const sizes = { shape: shapeOf(2), rowTokens: [32] };
    const parts = cutWork(sizes, denseWork(2, 1), 50, always);
    expect(parts.map(({ candidates }) => candidates)).toEqual([[0], [1], [2], [3]]);
  });

  it('asks for a baseline alone where nothing else is missing', () => {
    const sizes = { shape: shapeOf(2), rowTokens: [32, 32] };
    const parts = cutWork(sizes, denseWork(2, 2), 1, ({ candidate, row }) => candidate === null && row === 1);
    expect(parts).toEqual([{ base: [], candidates: [], baseline: true, rows: [1] }]);
  });
});

describe('candidateRanges', () => {
  it('makes the costliest range as cheap as any cutting can', () => {
    fc.assert(
      fc.property(arbitraryWork, ({ sizes: { shape }, work }) => {
        fc.pre(work.candidates.length >= 3);
        const cost = (ranges: readonly Work[]) =>
          Math.max(...ranges.map((range) => sweepFlops(shape, range, 32)));
        const best = cost(candidateRanges(shape, work, 32, 3));
        const { candidates } = work;
        for (let i = 1; i < candidates.length - 1; i++) {
          for (let j = i + 1; j < candidates.length; j++) {
            const other = cost([
              { ...work, candidates: candidates.slice(0, i), baseline: false },
              { ...work, candidates: candidates.slice(i, j), baseline: false },
              { ...work, candidates: candidates.slice(j) },
            ]);
            expect(best).toBeLessThanOrEqual(other * (1 + 1e-9));
          }
        }
      }),
    );
  });
});

describe('halveWork', () => {
  it('splits any work of several cells into two parts that hold the same cells, down to single cells', () => {
    fc.assert(
      fc.property(arbitraryWork, ({ sizes, work }) => {
        fc.pre(cellCount(work) > 0);
        const single: Work[] = [];
        const open = [work];
        for (let next = open.pop(); next; next = open.pop()) {
          const halves = halveWork(sizes, next);
          if (halves) open.push(...halves);
          else single.push(next);
        }
        expect(single.every((part) => cellCount(part) === 1)).toBe(true);
        expect(keysOf(single).sort()).toEqual(keysOf([work]).sort());
      }),
    );
  });

  it('weighs rows by what they cost', () => {
    const sizes = { shape: shapeOf(2), rowTokens: [8, 8, 8, 500] };
    const halves = halveWork(sizes, denseWork(2, 4));
    expect(halves?.map(({ rows }) => rows)).toEqual([[0, 1, 2], [3]]);
  });
});

describe('missingWork', () => {
  it('keeps rows that lack the same cells together', () => {
    const sizes = { shape: shapeOf(2), rowTokens: new Array<number>(5).fill(32) };
    const parts = missingWork(sizes, denseWork(2, 5), ({ row, candidate }) => row > 2 || candidate === 3);
    expect(parts).toEqual([
      { base: [], candidates: [3], baseline: false, rows: [0, 1, 2] },
      { base: [], candidates: [0, 1, 2, 3], baseline: true, rows: [3, 4] },
    ]);
    expect(workFlops(sizes, parts[1])).toBeGreaterThan(workFlops(sizes, parts[0]));
  });
});
