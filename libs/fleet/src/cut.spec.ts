import { isUnitStart, sweepFlops, unitBlocks, type BlockIndex } from '@blockpruner/blocks';
import { cellKey } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { denseWork, shapeOf } from '../test/tiny-fleet.ts';
import { Costs } from './costs.ts';
import { halveWork, missingWork } from './cut.ts';
import { lotsOf, type Lot } from './lot.ts';
import { partition } from './partition.ts';
import { divide } from './steal.ts';
import { cellCount, cellsOf, workFlops, type Sizes, type Work } from './task.ts';

const keysOf = (works: readonly Work[]) => works.flatMap((work) => cellsOf(work).map(cellKey));
const lotKeys = (lots: readonly Lot[]) => keysOf(lots.map((lot) => ({ ...lot, rows: [lot.row] })));

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
    const lots = lotsOf(work, (id) => !present.has(cellKey(id)));
    return { sizes, work, present, lots, costs: new Costs(sizes), blockCount: 2 * layerCount };
  });

describe('Costs', () => {
  it('adds up to the FLOPs of whole sweeps', () => {
    fc.assert(
      fc.property(arbitraryWork, ({ sizes, work, costs }) => {
        expect(costs.work(work) / workFlops(sizes, work) || 1).toBeCloseTo(1, 12);
      }),
    );
  });

  it('leaves out the walk that a worker has behind it', () => {
    const sizes = { shape: shapeOf(4), rowTokens: [32] };
    const work = { ...denseWork(4, 1), candidates: [5, 6], baseline: false };
    const walk =
      sweepFlops(sizes.shape, { ...work, candidates: [6] }, 32) -
      sweepFlops(sizes.shape, { ...work, candidates: [7] }, 32);
    const costs = new Costs(sizes);
    expect(costs.row(work, 0, 5)).toBe(costs.row(work, 0) - costs.walk([], 0, 0, 5));
    expect(walk).toBeLessThan(costs.row(work, 0));
  });
});

describe('partition', () => {
  const arbitrarySpeeds = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), {
    minLength: 1,
    maxLength: 12,
  });

  it('puts each cell into exactly one share, in order', () => {
    fc.assert(
      fc.property(arbitraryWork, arbitrarySpeeds, ({ costs, blockCount, lots }, speeds) => {
        const shares = partition(costs, blockCount, lots, speeds);
        expect(shares).toHaveLength(speeds.length);
        expect(shares.flatMap(lotKeys)).toEqual(lotKeys(lots));
      }),
    );
  });

  it('has workers of any speeds end together, but for a cell and the walk to it', () => {
    fc.assert(
      fc.property(arbitraryWork, arbitrarySpeeds, ({ costs, blockCount, lots, sizes }, speeds) => {
        fc.pre(lots.length > 0);
        const shares = partition(costs, blockCount, lots, speeds);
        const flopsOf = (share: readonly Lot[]) =>
          share.reduce((sum, lot) => sum + costs.row(lot, lot.row), 0);
        const times = shares.map((share, i) => flopsOf(share) / speeds[i]);
        const longest = Math.max(
          ...sizes.rowTokens.map((_, row) => costs.walk(lots[0].base, row, 0, blockCount)),
        );
        const cell = Math.max(...lots.map((lot) => costs.cell(lot, lot.row, lot.candidates[0] ?? null)));
        const slowest = Math.min(...speeds);
        const total = flopsOf(lots) / speeds.reduce((sum, speed) => sum + speed, 0);
        expect(Math.max(...times)).toBeLessThanOrEqual((total + (longest + cell) / slowest) * (1 + 1e-5));
      }),
    );
  });

  it('cuts between rows where workers and rows allow it', () => {
    const costs = new Costs({ shape: shapeOf(4), rowTokens: new Array<number>(8).fill(32) });
    const shares = partition(
      costs,
      8,
      lotsOf(denseWork(4, 8), () => true),
      [1, 1, 2],
    );
    expect(shares.map((share) => share.map(({ row }) => row))).toEqual([
      [0, 1],
      [2, 3],
      [4, 5, 6, 7],
    ]);
  });

  it('leaves workers without a share where there are fewer cells', () => {
    const costs = new Costs({ shape: shapeOf(1), rowTokens: [32] });
    const shares = partition(
      costs,
      2,
      lotsOf(denseWork(1, 1), () => true),
      [1, 1, 1, 1, 1],
    );
    expect(shares.filter((share) => share.length > 0)).toHaveLength(3);
  });
});

describe('divide', () => {
  it('loses no cell, and ends no later than the victim alone would have', () => {
    fc.assert(
      fc.property(
        arbitraryWork,
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        ({ costs, blockCount, lots }, speed, busyMs) => {
          const { kept, taken, doneMs, aloneMs } = divide(
            costs,
            blockCount,
            { lots, speed: 1, busyMs },
            speed,
          );
          expect([...lotKeys(kept), ...lotKeys(taken)]).toEqual(lotKeys(lots));
          expect(doneMs).toBeLessThanOrEqual(aloneMs);
          if (taken.length === 0) expect(doneMs).toBe(aloneMs);
        },
      ),
    );
  });

  it('takes about half from a worker that is as fast', () => {
    const costs = new Costs({ shape: shapeOf(4), rowTokens: new Array<number>(8).fill(32) });
    const lots = lotsOf(denseWork(4, 8), () => true);
    const { kept, taken } = divide(costs, 8, { lots, speed: 1, busyMs: 0 }, 1);
    expect([kept.length, taken.length]).toEqual([4, 4]);
  });

  it('takes nothing that it could not begin before the victim is done', () => {
    const costs = new Costs({ shape: shapeOf(4), rowTokens: [32] });
    const [lot] = lotsOf({ ...denseWork(4, 1), candidates: [7], baseline: false }, () => true);
    expect(divide(costs, 8, { lots: [lot], speed: 1, busyMs: 0 }, 0.5).taken).toEqual([]);
  });
});

describe('halveWork', () => {
  it('splits any work of several cells into two parts that hold the same cells, down to single cells', () => {
    fc.assert(
      fc.property(arbitraryWork, ({ work }) => {
        fc.pre(cellCount(work) > 0);
        const single: Work[] = [];
        const open = [work];
        for (let next = open.pop(); next; next = open.pop()) {
          const halves = halveWork(next);
          if (halves) open.push(...halves);
          else single.push(next);
        }
        expect(single.every((part) => cellCount(part) === 1)).toBe(true);
        expect(keysOf(single).sort()).toEqual(keysOf([work]).sort());
      }),
    );
  });
});

describe('missingWork', () => {
  it('keeps rows that lack the same cells together', () => {
    const parts = missingWork(denseWork(2, 5), ({ row, candidate }) => row > 2 || candidate === 3);
    expect(parts).toEqual([
      { base: [], candidates: [3], baseline: false, rows: [0, 1, 2] },
      { base: [], candidates: [0, 1, 2, 3], baseline: true, rows: [3, 4] },
    ]);
  });
});
