import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SMOLLM2 } from '../test/smollm2-shape.ts';
import { baselineFlops, blockFlops, cellFlops, headFlops, sweepFlops } from './cost.ts';
import { pruningRatio, removedParameters } from './model-shape.ts';

const ALL = Array.from({ length: 60 }, (_, block) => block);

describe('cost', () => {
  it('of a forward pass is two FLOPs a parameter and position, and attention to what came before on top', () => {
    const weights = 2 * 255 * (SMOLLM2.totalParameters - 61 * 576);
    const attention = 30 * 4 * ((255 * 256) / 2) * 576;
    expect(baselineFlops(SMOLLM2, [], 256)).toBe(weights + attention);
    expect(sweepFlops(SMOLLM2, { base: [], candidates: [], baseline: true }, 256)).toBe(weights + attention);
  });

  it('of a row of one token is nothing: it has no target', () => {
    expect(baselineFlops(SMOLLM2, [], 1)).toBe(0);
  });

  it('of a sweep is below that of its candidates one by one, and tends to half of it without the head', () => {
    const sweep = sweepFlops(SMOLLM2, { base: [], candidates: ALL, baseline: true }, 256);
    const one = baselineFlops(SMOLLM2, [], 256);
    expect(sweep).toBeLessThan(0.65 * 61 * one);
    const heads = 61 * headFlops(SMOLLM2, 256);
    expect((sweep - heads) / (61 * (one - headFlops(SMOLLM2, 256)))).toBeCloseTo(0.5, 1);
  });

  it('of a sweep is that of its cells, and of the walk to the last candidate where the baseline has none', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 59 }), { minLength: 1, maxLength: 60 }),
        fc.nat({ max: 59 }),
        fc.boolean(),
        (blocks, baseCount, baseline) => {
          const base = blocks.slice(0, Math.min(baseCount, blocks.length - 1)).sort((a, b) => a - b);
          const candidates = blocks.slice(base.length).sort((a, b) => a - b);
          const sweep = { base, candidates, baseline };
          const cells = [...candidates, ...(baseline ? [null] : [])].reduce<number>(
            (sum, candidate) => sum + cellFlops(SMOLLM2, sweep, candidate, 64),
            0,
          );
          const last = candidates[candidates.length - 1];
          const walk = ALL.filter((block) => block < last && !base.includes(block)).reduce(
            (sum, block) => sum + blockFlops(SMOLLM2, block, 64),
            0,
          );
          expect(sweepFlops(SMOLLM2, sweep, 64)).toBe(cells + (baseline ? 0 : walk));
        },
      ),
    );
  });

  it('of whole layers counts each from behind its second block', () => {
    const layers = { base: [], candidates: [0, 58], baseline: false };
    const walked = sweepFlops(SMOLLM2, { ...layers, unit: 'layer' }, 64);
    const both = blockFlops(SMOLLM2, 1, 64) + blockFlops(SMOLLM2, 59, 64);
    expect(walked).toBe(sweepFlops(SMOLLM2, layers, 64) - both);
  });

  it('falls when blocks are removed, by at least those blocks', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 59 }), { maxLength: 20 }), (removed) => {
        const base = removed.sort((a, b) => a - b);
        const candidates = ALL.filter((block) => !base.includes(block));
        const full = sweepFlops(SMOLLM2, { base: [], candidates, baseline: true }, 64);
        const pruned = sweepFlops(SMOLLM2, { base, candidates, baseline: true }, 64);
        const saved = base.reduce((sum, block) => sum + blockFlops(SMOLLM2, block, 64), 0);
        expect(full - pruned).toBeGreaterThanOrEqual(saved);
      }),
    );
  });
});

describe('pruning ratio', () => {
  it('counts a block with its norm, over all parameters', () => {
    expect(removedParameters(SMOLLM2, [0, 1])).toBe(SMOLLM2.mhaParameters + SMOLLM2.mlpParameters);
    expect(pruningRatio(SMOLLM2, ALL)).toBeCloseTo(
      (SMOLLM2.totalParameters - 49152 * 576 - 576) / SMOLLM2.totalParameters,
      12,
    );
  });
});
