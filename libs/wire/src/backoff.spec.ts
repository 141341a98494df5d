import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

describe('backoffMs', () => {
  it('starts at a second and grows by 1.6', () => {
    expect([1, 2, 3, 4].map((failures) => backoffMs(failures, 0.5))).toEqual([1000, 1600, 2560, 4096]);
  });

  it('stays at two minutes, however long the coordinator is away', () => {
    expect(backoffMs(12, 0.5)).toBe(120_000);
    expect(backoffMs(100_000, 0.5)).toBe(120_000);
  });

  it('is a fifth shorter or longer at most', () => {
    expect(backoffMs(1, 0)).toBe(800);
    expect(backoffMs(1, 0.999_999)).toBe(1200);
  });
});
