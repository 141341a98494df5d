import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockFlops, headFlops, sweepFlops } from './cost.ts';
import { pruningRatio, removedParameters, type ModelShape } from './model-shape.ts';
import { CPU_SHAPE_PLAN, workerMemoryBytes } from './shape-plan.ts';

/** SmolLM2-135M. */
const SHAPE: ModelShape = {
  layerCount: 30,
  hiddenSize: 576,
  intermediateSize: 1536,
  headCount: 9,
  kvHeadCount: 3,
  headSize: 64,
  vocabSize: 49152,
  mhaParameters: 2 * 576 * 576 + 2 * 576 * 192 + 576,
  mlpParameters: 3 * 576 * 1536 + 576,
  totalParameters: 134_515_008,
};
const ALL = Array.from({ length: 60 }, (_, block) => block);

describe('cost', () => {
  it('of a forward pass is two FLOPs a parameter and token, and attention on top', () => {
    const forward = sweepFlops(SHAPE, { base: [], candidates: [], baseline: true }, 256);
    const dense = 2 * 256 * (SHAPE.totalParameters - 61 * 576);
    const attention = 30 * 2 * 256 * 256 * 576;
    expect(forward).toBe(dense + attention);
  });

  it('of a sweep is below that of its candidates one by one, and tends to half of it without the head', () => {
    const sweep = sweepFlops(SHAPE, { base: [], candidates: ALL, baseline: true }, 256);
    const one = sweepFlops(SHAPE, { base: [], candidates: [], baseline: true }, 256);
    expect(sweep).toBeLessThan(0.65 * 61 * one);
    const heads = 61 * headFlops(SHAPE, 256);
    expect((sweep - heads) / (61 * (one - headFlops(SHAPE, 256)))).toBeCloseTo(0.5, 1);
  });

  it('falls when blocks are removed, by at least those blocks', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 59 }), { maxLength: 20 }), (removed) => {
        const base = removed.sort((a, b) => a - b);
        const candidates = ALL.filter((block) => !base.includes(block));
        const full = sweepFlops(SHAPE, { base: [], candidates, baseline: true }, 64);
        const pruned = sweepFlops(SHAPE, { base, candidates, baseline: true }, 64);
        const saved = base.reduce((sum, block) => sum + blockFlops(SHAPE, block, 64), 0);
        expect(full - pruned).toBeGreaterThanOrEqual(saved);
      }),
    );
  });
});

describe('pruning ratio', () => {
  it('counts a block with its norm, over all parameters', () => {
    expect(removedParameters(SHAPE, [0, 1])).toBe(SHAPE.mhaParameters + SHAPE.mlpParameters);
    expect(pruningRatio(SHAPE, ALL)).toBeCloseTo(
      (SHAPE.totalParameters - 49152 * 576 - 576) / SHAPE.totalParameters,
      12,
    );
  });
});

describe('worker memory', () => {
  it('is the weights, two chunks of logits and the activations in flight', () => {
    const bytes = workerMemoryBytes(SHAPE, CPU_SHAPE_PLAN, 256);
    expect(bytes).toBe(4 * 134_515_008 + 2 * 256 * 49152 * 4 + 2 * 256 * (4 * 1536 + 6 * 576) * 4);
  });
});
