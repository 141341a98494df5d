import { describe, expect, it } from 'vitest';
import { CONFIG } from '../test/example-values.ts';
import { calibrationRowCount, rowSetsOf } from './row-parts.ts';
import { configHash, readRunConfig } from './run-config.ts';

/** One row each. */
const setsOf = (...weights: number[]) =>
  weights.map((weight) => ({ rowCount: 1, weight, contentHash: 'sha256:set' }));

describe('configHash', () => {
  it('does not depend on the order of the fields', () => {
    const reversed = Object.fromEntries(Object.entries(CONFIG).reverse()) as unknown as typeof CONFIG;
    expect(configHash(reversed)).toBe(configHash(CONFIG));
    expect(configHash(CONFIG)).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('is for a config without confirmation what it was before there was one', () => {
    expect(configHash(CONFIG)).toBe(
      'sha256:6af82e686b3d2381a0dd2b7b773e03d6645d4fecaa6a31a0665ed3e53dcbb2e9',
    );
    expect(readRunConfig(CONFIG)).toEqual(CONFIG);
    expect(readRunConfig({ ...CONFIG, confirm: 'fp32' })).toEqual({ ...CONFIG, confirm: 'fp32' });
  });

  it('changes with every field', () => {
    const changes: Partial<typeof CONFIG>[] = [
      { modelFingerprint: 'sha256:other' },
      { calibrationHash: 'sha256:other' },
      { rowTokens: [40, 20] },
      { layerCount: 3 },
      { blockType: 'mha' },
      { stop: { kind: 'remove', count: 3 } },
      { stop: { kind: 'ratio', ratio: 0.2 } },
      { stop: { kind: 'target-params', parameters: 900 } },
      { stop: { kind: 'all' } },
      { stop: { kind: 'remove', count: 2, limit: { kind: 'perplexity', perplexity: 9 } } },
      { stop: { kind: 'remove', count: 2, limit: { kind: 'increase', increase: 0.2 } } },
      { confirm: 'fp32' },
      { search: 'race', confidence: 0.9, seed: 1 },
      { search: 'race', confidence: 0.8, seed: 1 },
      { search: 'race', confidence: 0.9, seed: 2 },
      { sets: setsOf(0.5, 0.5) },
      { sets: setsOf(0.25, 0.75) },
      { heldOutRowCount: 1, heldOutHash: 'sha256:1' },
      { heldOutRowCount: 1, heldOutHash: 'sha256:2' },
      { keep: 'mha.0+mlp.1' },
      { startMask: 'mha.0+mlp.1' },
      { objective: 'score-per-param' },
    ];
    const hashes = changes.map((change) => configHash({ ...CONFIG, ...change }));
    expect(new Set([configHash(CONFIG), ...hashes]).size).toBe(changes.length + 1);
  });
});

describe('readRunConfig', () => {
  it('keeps how rows are parted, and adds nothing where they are not', () => {
    const parted = {
      ...CONFIG,
      rowTokens: [20, 40, 60],
      sets: setsOf(0.25, 0.75),
      heldOutRowCount: 1,
      heldOutHash: 'sha256:1',
    };
    expect(readRunConfig(parted)).toEqual(parted);
    expect(rowSetsOf(parted)).toEqual(parted.sets);
    expect(calibrationRowCount(parted)).toBe(2);
    expect(Object.keys(readRunConfig(CONFIG))).toEqual(Object.keys(CONFIG));
    expect(rowSetsOf(CONFIG)).toEqual([{ rowCount: 2, weight: 1 }]);
    expect(rowSetsOf({ ...CONFIG, heldOutRowCount: 1 })).toEqual([{ rowCount: 1, weight: 1 }]);
  });

  it.each([
    ['config.modelFingerprint', { modelFingerprint: 1 }],
    ['config.rowTokens\\[1\\]', { rowTokens: [20, 1] }],
    ['config.rowTokens\\[0\\]', { rowTokens: [2 ** 40] }],
    ['config.layerCount', { layerCount: 0 }],
    ['config.layerCount', { layerCount: 1e9 }],
    ['config.blockType', { blockType: 'all' }],
    ['config.search', { search: 'beam' }],
    ['config.confidence', { search: 'race', seed: 1 }],
    ['config.confidence', { search: 'race', seed: 1, confidence: 1.5 }],
    ['config.seed', { search: 'race', confidence: 0.9, seed: -1 }],
    ['config.stop.kind', { stop: { kind: 'never' } }],
    ['config.confirm', { confirm: 'fp64' }],
    ['config.confirm', { confirm: null }],
    ['config.stop.count', { stop: { kind: 'remove', count: 1.5 } }],
    ['config.stop.ratio', { stop: { kind: 'ratio', ratio: 'NaN' } }],
    ['rows of config.sets', { sets: setsOf(1) }],
    ['rows of config.sets', { sets: setsOf(0.5, 0.5), heldOutRowCount: 1, heldOutHash: 'sha256:1' }],
    ['weights of config.sets', { sets: setsOf(0.5, 0.6) }],
    ['config.sets\\[0\\].weight', { sets: setsOf(0, 1) }],
    ['config.sets\\[1\\].rowCount', { sets: [...setsOf(0.5), { ...setsOf(0.5)[0], rowCount: 0 }] }],
    ['config.sets\\[1\\].contentHash', { sets: [...setsOf(0.5), { rowCount: 1, weight: 0.5 }] }],
    ['config.heldOutRowCount', { heldOutRowCount: 2, heldOutHash: 'sha256:1' }],
    ['config.heldOutRowCount', { heldOutRowCount: 0 }],
    ['config.heldOutHash', { heldOutRowCount: 1 }],
    ['config.stop.parameters', { stop: { kind: 'target-params', parameters: 1.1e9 + 0.5 } }],
    ['config.stop.limit', { stop: { kind: 'all', limit: 3 } }],
    ['config.stop.limit.kind', { stop: { kind: 'all', limit: { kind: 'score', score: 3 } } }],
    [
      'config.stop.limit.perplexity',
      { stop: { kind: 'all', limit: { kind: 'perplexity', perplexity: 0.5 } } },
    ],
    [
      'config.stop.limit.increase',
      { stop: { kind: 'all', limit: { kind: 'increase', increase: 'Infinity' } } },
    ],
    ['config.keep', { keep: 'dense' }],
    ['config.keep', { keep: ['mha.0'] }],
    ['config.startMask', { startMask: 'mlp.1+mha.0' }],
    ['config.objective', { objective: 'score' }],
  ])('names %s when it does not fit', (name, change) => {
    expect(() => readRunConfig({ ...CONFIG, ...change })).toThrow(new RegExp(`^${name} is `));
  });

  it('refuses a kept block that the model does not have', () => {
    expect(() => readRunConfig({ ...CONFIG, keep: 'mha.2' })).toThrow(/block mha\.2 does not exist/);
  });
});
