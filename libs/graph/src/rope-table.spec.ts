import { describe, expect, it } from 'vitest';
import { ropeTables } from './rope-table.ts';

const shape = {
  layerCount: 1,
  hiddenSize: 64,
  intermediateSize: 64,
  headCount: 1,
  kvHeadCount: 1,
  headSize: 64,
  vocabSize: 10,
  mhaParameters: 0,
  mlpParameters: 0,
  totalParameters: 0,
};

describe('rope tables', () => {
  it('turn pair i of position p by the angle p · theta^(-2i/size)', () => {
    const { cos, sin } = ropeTables({ shape, rope: { theta: 10_000, scaling: { kind: 'none' } } }, 300);
    for (const [position, i] of [
      [0, 0],
      [1, 0],
      [299, 0],
      [17, 5],
      [299, 31],
    ]) {
      const angle = position * 10_000 ** ((-2 * i) / 64);
      expect(cos[position * 32 + i]).toBeCloseTo(Math.cos(angle), 4);
      expect(sin[position * 32 + i]).toBeCloseTo(Math.sin(angle), 4);
    }
  });

  it('divide every frequency by a linear factor', () => {
    const plain = ropeTables({ shape, rope: { theta: 10_000, scaling: { kind: 'none' } } }, 11);
    const scaled = ropeTables({ shape, rope: { theta: 10_000, scaling: { kind: 'linear', factor: 2 } } }, 21);
    expect(scaled.cos.subarray(20 * 32)).toEqual(plain.cos.subarray(10 * 32));
  });

  it('leave high frequencies and divide low ones in llama3 scaling, with a ramp between', () => {
    const scaling = {
      kind: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxTokens: 256,
    } as const;
    const plain = ropeTables({ shape, rope: { theta: 500_000, scaling: { kind: 'none' } } }, 2);
    const scaled = ropeTables({ shape, rope: { theta: 500_000, scaling } }, 2);
    // The sine at position 1 grows with the frequency.
    const ratio = (i: number): number => Math.asin(plain.sin[32 + i]) / Math.asin(scaled.sin[32 + i]);
    const ratios = Array.from({ length: 32 }, (_, i) => ratio(i));
    expect(ratios[1]).toBeCloseTo(1, 5);
    expect(ratios[31]).toBeCloseTo(8, 5);
    ratios.slice(1).forEach((value, i) => expect(value).toBeGreaterThanOrEqual(ratios[i] - 1e-6));
    expect(ratios.some((value) => value > 1.01 && value < 7.99)).toBe(true);
  });
});
