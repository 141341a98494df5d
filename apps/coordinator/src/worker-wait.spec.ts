import { describe, expect, it } from 'vitest';
import { WorkerWait } from './worker-wait.ts';

/** What is said at each look: when, how many workers are connected, and how many of them are ready. */
function looks(...at: [nowMs: number, connected: number, ready: number][]) {
  const wait = new WorkerWait(1000);
  return at.map(([nowMs, connected, ready]) => wait.look(nowMs, connected, ready));
}

describe('WorkerWait', () => {
  it('is over when no worker came in time, counted from the first look', () => {
    expect(looks([5000, 0, 0], [5999, 0, 0], [6000, 0, 0])).toEqual([null, null, 'over']);
  });

  it('says once that the last worker has gone, and counts from then', () => {
    expect(looks([0, 1, 1], [900, 1, 1], [950, 0, 0], [1000, 0, 0], [1899, 0, 0], [1900, 0, 0])).toEqual([
      null,
      null,
      'begun',
      null,
      null,
      'over',
    ]);
  });

  it('begins anew with each worker that is ready', () => {
    expect(looks([0, 1, 1], [10, 0, 0], [800, 1, 1], [1700, 0, 0], [1900, 0, 0])).toEqual([
      null,
      'begun',
      null,
      'begun',
      'over',
    ]);
  });

  it('waits for a worker that loads its model, but not longer for one that leaves without', () => {
    expect(looks([0, 0, 0], [500, 1, 0], [5000, 1, 0], [5001, 0, 0])).toEqual([null, null, null, 'over']);
  });
});
