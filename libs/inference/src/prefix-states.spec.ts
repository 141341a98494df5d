import { describe, expect, it } from 'vitest';
import { PrefixStates } from './prefix-states.ts';

const TOKENS = [Int32Array.of(1, 2, 3)];
const state = (boundary: number, size = 4) => ({ boundary, values: new Float32Array(size) });

describe('PrefixStates', () => {
  it('gives a state back for the same row, tokens and removed blocks below it', () => {
    const states = new PrefixStates(1000);
    const kept = state(5);
    states.keep([0], TOKENS, [2, 7], kept);
    expect(states.find([0], TOKENS, [2, 7], 5)?.values).toBe(kept.values);
    expect(states.find([0], TOKENS, [2, 9], 8)?.values).toBe(kept.values);
  });

  it('gives none that lies behind the boundary asked for', () => {
    const states = new PrefixStates(1000);
    states.keep([0], TOKENS, [], state(5));
    expect(states.find([0], TOKENS, [], 4)).toBeUndefined();
  });

  it('gives none for another mask below it, other rows, or other tokens under the same row index', () => {
    const states = new PrefixStates(1000);
    states.keep([0], TOKENS, [2], state(5));
    expect(states.find([0], TOKENS, [], 5)).toBeUndefined();
    expect(states.find([0], TOKENS, [2, 3], 5)).toBeUndefined();
    expect(states.find([1], TOKENS, [2], 5)).toBeUndefined();
    expect(states.find([0], [Int32Array.of(1, 2, 4)], [2], 5)).toBeUndefined();
  });

  it('stays within its budget, dropping what was used least recently', () => {
    const states = new PrefixStates(3 * 16);
    for (const row of [0, 1, 2]) states.keep([row], TOKENS, [], state(5));
    states.find([0], TOKENS, [], 5);
    states.keep([3], TOKENS, [], state(5));
    const held = [0, 1, 2, 3].filter((row) => states.find([row], TOKENS, [], 5));
    expect(held).toEqual([0, 2, 3]);
    states.keep([4], TOKENS, [], state(5, 13));
    expect(states.find([4], TOKENS, [], 5)).toBeUndefined();
    expect([0, 2, 3].filter((row) => states.find([row], TOKENS, [], 5))).toEqual([0, 2, 3]);
  });
});
