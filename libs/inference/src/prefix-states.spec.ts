import { maskBelow } from '@blockpruner/blocks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LATEST_WORTH, PrefixStates, type StateRows } from './prefix-states.ts';

const rows = (...rowIndices: number[]): StateRows => ({
  rowIndices,
  tokenIds: rowIndices.map(() => Int32Array.of(1, 2, 3)),
  positions: 2,
});
const state = (boundary: number, size = 4) => ({ boundary, values: new Float32Array(size) });
const held = (states: PrefixStates, indices: number[]): number[] =>
  indices.filter((row) => states.find(rows(row), [], 60));

describe('PrefixStates', () => {
  it('gives a state back for the same row, tokens and removed blocks below it', () => {
    const states = new PrefixStates(1000);
    const kept = state(5);
    states.keep(rows(0), [2, 7], kept, 0);
    expect(states.find(rows(0), [2, 7], 5)?.values).toBe(kept.values);
    expect(states.find(rows(0), [2, 9], 8)?.values).toBe(kept.values);
  });

  it('gives the nearest of several, and none that lies behind the boundary asked for', () => {
    const states = new PrefixStates(1000);
    for (const boundary of [3, 9, 5]) states.keep(rows(0), [], state(boundary), 0);
    expect(states.find(rows(0), [], 60)?.boundary).toBe(9);
    expect(states.find(rows(0), [], 8)?.boundary).toBe(5);
    expect(states.find(rows(0), [], 2)).toBeUndefined();
    expect(states.find(rows(0), [4], 60)?.boundary).toBe(3);
  });

  it('gives none for another mask below it, other rows, or the same rows with other tokens or padding', () => {
    const states = new PrefixStates(1000);
    states.keep(rows(0), [2], state(5), 0);
    expect(states.find(rows(0), [], 5)).toBeUndefined();
    expect(states.find(rows(0), [2, 3], 5)).toBeUndefined();
    expect(states.find(rows(1), [2], 5)).toBeUndefined();
    const others = [
      { ...rows(0), tokenIds: [Int32Array.of(1, 2, 4)] },
      { ...rows(0), positions: 16 },
    ];
    for (const other of others) expect(states.find(other, [2], 5)).toBeUndefined();
  });

  it('stays within its budget: what is worth least goes first, then what was used least recently', () => {
    const states = new PrefixStates(4 * 16);
    states.keep(rows(0), [], state(5), 2);
    states.keep(rows(1), [], state(5), 3);
    states.keep(rows(2), [], state(5), 3);
    states.keep(rows(3), [], state(5), 1);
    states.find(rows(1), [], 5);
    states.keep(rows(4), [], state(5), 4);
    expect(held(states, [0, 1, 2, 3, 4])).toEqual([0, 1, 2, 4]);
    states.keep(rows(5), [], state(5), 4);
    expect(held(states, [0, 1, 2, 4, 5])).toEqual([1, 2, 4, 5]);
    states.find(rows(1), [], 5);
    states.keep(rows(6), [], state(5), 4);
    expect(held(states, [1, 2, 4, 5, 6])).toEqual([1, 4, 5, 6]);
    states.keep(rows(7), [], state(5), 2);
    expect(held(states, [1, 4, 5, 6, 7])).toEqual([1, 4, 5, 6]);
    expect(states.heldBytes).toBe(4 * 16);
  });

  it('makes room for a large state by as many small ones as it takes, and for none above its budget', () => {
    const states = new PrefixStates(4 * 16);
    for (let row = 0; row < 4; row++) states.keep(rows(row), [], state(5), 1);
    states.keep(rows(4), [], state(5, 9), 2);
    expect(held(states, [0, 1, 2, 3, 4])).toEqual([3, 4]);
    expect(states.heldBytes).toBe(16 + 36);
    states.keep(rows(5), [], state(5, 17), 9);
    expect(held(states, [3, 4, 5])).toEqual([3, 4]);
  });

  it('wants a state only where there is room, or something that is worth less', () => {
    const states = new PrefixStates(2 * 16);
    expect(states.wants(33, 9)).toBe(false);
    states.keep(rows(0), [], state(5), 1);
    expect(states.wants(16, 0.5)).toBe(true);
    states.keep(rows(1), [], state(5), 1);
    expect([2, 1, 0.5].map((worth) => states.wants(16, worth))).toEqual([true, false, false]);
    expect([32, 33].map((bytes) => states.wants(bytes, 2))).toEqual([true, false]);
    expect(held(states, [0, 1])).toEqual([0, 1]);
  });

  it('holds one latest state of each rows, whatever comes in beside it', () => {
    const states = new PrefixStates(2 * 16);
    states.keep(rows(0), [], state(5), LATEST_WORTH);
    states.keep(rows(0), [], state(7), LATEST_WORTH);
    expect(states.find(rows(0), [], 6)).toBeUndefined();
    states.keep(rows(1), [], state(5), LATEST_WORTH);
    expect(states.wants(16, 1e9)).toBe(false);
    states.keep(rows(2), [], state(5), LATEST_WORTH);
    expect(held(states, [0, 1, 2])).toEqual([1, 2]);
  });

  it('replaces a state by its like, and counts it once', () => {
    const states = new PrefixStates(1000);
    const newer = state(5);
    states.keep(rows(0), [2], state(5), 1);
    states.keep(rows(0), [2, 8], newer, 3);
    expect(states.find(rows(0), [2], 5)?.values).toBe(newer.values);
    expect(states.heldBytes).toBe(16);
  });

  it('drops what a search that has removed more blocks cannot use again', () => {
    const states = new PrefixStates(1000);
    states.keep(rows(0), [3], state(5), 0);
    states.keep(rows(1), [3, 8], state(9), 0);
    states.keep(rows(2), [], state(5), 0);
    states.narrowTo([3, 7]);
    expect(states.find(rows(0), [3, 7], 60)?.boundary).toBe(5);
    expect(states.find(rows(1), [3, 8], 60)).toBeUndefined();
    expect(states.find(rows(2), [], 60)).toBeUndefined();
  });

  it('drops rows that no sweep of an iteration asked for, and keeps those that one did', () => {
    const states = new PrefixStates(1000);
    for (const row of [0, 1, 2]) states.keep(rows(row), [], state(5), 0);
    states.narrowTo([8]);
    states.find(rows(0), [8], 60);
    states.narrowTo([8]);
    states.keep(rows(1), [8], state(6), 0);
    expect(states.heldBytes).toBe(4 * 16);
    states.narrowTo([8, 9]);
    expect(states.heldBytes).toBe(3 * 16);
    expect(held(states, [0, 1, 2])).toEqual([0, 1]);
  });

  it('keeps what it can still use through tasks that run ahead and come back', () => {
    const states = new PrefixStates(1000);
    for (const row of [0, 1, 2]) states.keep(rows(row), [], state(5), 0);
    for (const mask of [[8], [], [8], [], [8]]) {
      states.narrowTo(mask);
      states.find(rows(0), mask, 60);
    }
    expect(states.heldBytes).toBe(3 * 16);
    states.narrowTo([8, 9]);
    expect(held(states, [0, 1, 2])).toEqual([0]);
  });

  it('never holds more than its budget, and never gives what another mask, row or boundary has left', () => {
    const action = fc.record({
      kind: fc.constantFrom('keep', 'keep', 'keep', 'find', 'narrow'),
      row: fc.nat(3),
      mask: fc.subarray([1, 3, 4, 6]),
      boundary: fc.integer({ min: 1, max: 7 }),
      size: fc.integer({ min: 1, max: 6 }),
      worth: fc.constantFrom(0.5, 1, 2, LATEST_WORTH),
    });
    fc.assert(
      fc.property(fc.nat(200), fc.array(action, { maxLength: 40 }), (budgetBytes, actions) => {
        const states = new PrefixStates(budgetBytes);
        const madeFor = new Map<Float32Array, string>();
        const keyOf = (row: number, mask: number[], boundary: number): string =>
          `${row}/${boundary}/${maskBelow(mask, boundary).join()}`;
        for (const { kind, row, mask, boundary, size, worth } of actions) {
          if (kind === 'keep') {
            const kept = state(boundary, size);
            madeFor.set(kept.values, keyOf(row, mask, boundary));
            const isWanted = states.wants(4 * size, worth);
            states.keep(rows(row), mask, kept, worth);
            if (isWanted) expect(states.find(rows(row), mask, boundary)?.values).toBe(kept.values);
          } else if (kind === 'narrow') {
            states.narrowTo(mask);
          } else {
            const found = states.find(rows(row), mask, boundary);
            if (found) expect(madeFor.get(found.values)).toBe(keyOf(row, mask, found.boundary));
            expect(found?.boundary ?? 0).toBeLessThanOrEqual(boundary);
          }
          expect(states.heldBytes).toBeLessThanOrEqual(budgetBytes);
        }
        states.narrowTo([0]); // none was kept without block 0
        expect(states.heldBytes).toBe(0);
      }),
    );
  });
});
