import { beforeEach, describe, expect, it } from 'vitest';
import { BarrenStays } from './barren-stays.ts';

const MINUTE_MS = 60_000;

describe('BarrenStays', () => {
  let stays: BarrenStays;
  beforeEach(() => {
    stays = new BarrenStays();
  });

  /** A worker comes, takes a task, perhaps delivers a cell, and goes; after that another comes. */
  function stay(pid: number, leavesMs: number, { isLost = true, delivers = false, takes = true } = {}): void {
    const id = `w${pid}`;
    stays.begin(id, `node-7:${pid}`, 'cpu');
    if (takes) stays.tookTask(id);
    if (delivers) stays.delivered(id);
    stays.end(id, isLost, leavesMs);
  }
  function waitAt(nowMs: number, name = 'node-7:99', device = 'cpu'): number {
    stays.begin('next', name, device);
    return stays.waitMs('next', nowMs);
  }

  it('lets a new worker wait where three before it brought no cell, until the first of them is ten minutes ago', () => {
    stay(1, 0);
    stay(2, MINUTE_MS);
    expect(waitAt(MINUTE_MS)).toBe(0);
    stay(3, 2 * MINUTE_MS);
    expect(waitAt(3 * MINUTE_MS)).toBe(7 * MINUTE_MS);
    expect(waitAt(10 * MINUTE_MS)).toBe(0);
  });

  it('lets a worker that dials again wait for what it did itself, and no other', () => {
    for (const minute of [1, 2, 3]) stay(7, minute * MINUTE_MS);
    stays.begin('w7', 'node-7:7', 'cpu');
    expect(stays.waitMs('w7', 4 * MINUTE_MS)).toBe(7 * MINUTE_MS);
    expect(waitAt(4 * MINUTE_MS)).toBe(0);
  });

  it('tells hosts and devices apart, and worker processes not', () => {
    for (const pid of [1, 2, 3]) stay(pid, pid * MINUTE_MS);
    expect(waitAt(4 * MINUTE_MS, 'node-8:1')).toBe(0);
    expect(waitAt(4 * MINUTE_MS, 'node-7:1', 'cuda:0')).toBe(0);
    expect(waitAt(4 * MINUTE_MS, 'node-7:1')).toBeGreaterThan(0);
  });

  it('forgets when a cell is delivered', () => {
    for (const pid of [1, 2]) stay(pid, pid * MINUTE_MS);
    stay(3, 3 * MINUTE_MS, { delivers: true });
    stay(4, 4 * MINUTE_MS);
    expect(waitAt(4 * MINUTE_MS)).toBe(0);
  });

  it('counts neither who left in order, nor who had no task', () => {
    for (const pid of [1, 2, 3]) stay(pid, pid * MINUTE_MS, { isLost: false });
    for (const pid of [4, 5, 6]) stay(pid, pid * MINUTE_MS, { takes: false });
    expect(waitAt(7 * MINUTE_MS)).toBe(0);
  });

  it('counts the workers that one failure takes down as one', () => {
    for (let pid = 1; pid <= 8; pid++) stay(pid, 100 * pid);
    expect(waitAt(1000)).toBe(0);
    stay(9, MINUTE_MS);
    stay(10, 2 * MINUTE_MS);
    expect(waitAt(2 * MINUTE_MS)).toBeGreaterThan(0);
  });

  it('knows nothing of a worker that is not there', () => {
    stays.tookTask('nobody');
    stays.delivered('nobody');
    stays.end('nobody', true, 0);
    expect(stays.waitMs('nobody', 0)).toBe(0);
  });
});
