import { cellKey, CellTable, type Cell } from '@blockpruner/perplexity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '../src/fleet-error.ts';
import type { Fleet } from '../src/fleet.ts';
import { cellsOf, type Task } from '../src/task.ts';
import { cellOf, denseWork, shapeOf, taskCells, tinyFleet, workerOf } from './tiny-fleet.ts';

/** What may happen to a run, with `pick` choosing the worker or the task it happens to. */
const arbitraryEvent = fc.record({
  kind: fc.constantFrom(
    'join',
    'assign',
    'deliver',
    'repeat',
    'done',
    'fail',
    'drain',
    'lose',
    'stall',
    'late',
    'submit',
  ),
  pick: fc.nat(1000),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** Drives one fleet and keeps the book of what it accepted. */
class Run {
  readonly fleet: Fleet;
  readonly table: CellTable;
  readonly work;
  nowMs = 0;
  private workerCount = 0;
  private given: { workerId: string; task: Task }[] = [];
  private past: { workerId: string; task: Task }[] = [];
  private readonly rowTokens: readonly number[];

  constructor(layerCount: number, rowTokens: readonly number[]) {
    this.rowTokens = rowTokens;
    this.fleet = tinyFleet({ shape: shapeOf(layerCount), rowTokens });
    this.table = new CellTable(rowTokens);
    this.work = denseWork(layerCount, rowTokens.length);
  }

  join(): void {
    const id = `w${++this.workerCount}`;
    this.fleet.join(workerOf(id), this.nowMs);
    this.fleet.ready(id, this.nowMs);
  }

  assign(): void {
    this.given.push(...this.fleet.assignments(this.nowMs).assignments);
  }

  submit(): void {
    this.fleet.submit(this.work, (id) => !this.table.has(id), this.nowMs);
  }

  take(cells: readonly Cell[]): void {
    for (const cell of cells) expect(this.table.add(cell), cellKey(cell)).toBe(true);
  }

  happen(kind: string, pick: number, share: number): void {
    this.nowMs += 1;
    const workers = this.fleet.workers();
    const workerId = workers[pick % Math.max(1, workers.length)]?.id;
    const lease = this.given[pick % Math.max(1, this.given.length)];
    const old = this.past[pick % Math.max(1, this.past.length)];
    const cells = lease ? taskCells(lease.task, this.rowTokens) : [];
    const part = cells.slice(0, Math.ceil(share * cells.length));
    if (kind === 'join' && workers.length < 6) this.join();
    if (kind === 'assign') this.assign();
    if (kind === 'submit') this.submit();
    if (lease && (kind === 'deliver' || kind === 'repeat')) {
      const delivered = kind === 'repeat' ? [...part, ...part] : part;
      this.take(this.fleet.cells(lease.workerId, lease.task.id, delivered, this.nowMs).accepted);
    }
    if (lease && kind === 'done') this.end(() => this.fleet.done(lease.workerId, lease.task.id, this.nowMs));
    if (lease && kind === 'fail') {
      this.end(() => this.fleet.failed(lease.workerId, lease.task.id, 'out of memory', this.nowMs));
    }
    if (workerId && kind === 'drain') this.end(() => this.fleet.leave(workerId, 'drained', 'scaled down'));
    if (workerId && kind === 'lose') this.end(() => this.fleet.leave(workerId, 'lost', 'connection reset'));
    if (kind === 'stall') {
      this.nowMs += 2000;
      for (const { id } of workers.slice(pick % 3)) this.fleet.heartbeat(id, this.nowMs);
      this.end(() => this.fleet.expire(this.nowMs));
    }
    if (old && kind === 'late') {
      const late = taskCells(old.task, this.rowTokens);
      expect(this.fleet.cells(old.workerId, old.task.id, late, this.nowMs).accepted).toEqual([]);
    }
  }

  /** Leases that are no longer held become past ones, whose late messages must do nothing. */
  private end(action: () => unknown): void {
    try {
      action();
    } finally {
      const held = new Set(this.fleet.workers().flatMap(({ taskIds }) => taskIds));
      this.past.push(...this.given.filter(({ task }) => !held.has(task.id)));
      this.given = this.given.filter(({ task }) => held.has(task.id));
    }
  }

  /** One good worker alone brings any run to its end. */
  finish(): void {
    for (const { id } of this.fleet.workers()) this.end(() => this.fleet.leave(id, 'drained', 'scaled down'));
    this.join();
    this.submit();
    for (let round = 0; !this.fleet.idle(); round++) {
      expect(round).toBeLessThan(1000);
      this.assign();
      expect(this.given.length).toBeGreaterThan(0);
      for (const { workerId, task } of this.given) {
        this.take(this.fleet.cells(workerId, task.id, taskCells(task, this.rowTokens), this.nowMs).accepted);
        this.fleet.done(workerId, task.id, this.nowMs);
      }
      this.given = [];
    }
  }
}

describe('a fleet under any order of events', () => {
  it('asks for each cell until it is delivered, accepts it once, and ends idle', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 6 }),
        fc.array(arbitraryEvent, { maxLength: 60 }),
        (layerCount, rowTokens, events) => {
          const run = new Run(layerCount, rowTokens);
          run.join();
          run.submit();
          run.assign();
          try {
            for (const { kind, pick, share } of events) run.happen(kind, pick, share);
          } catch (error) {
            if (!(error instanceof FleetError)) throw error;
            expect(error.workers).toHaveLength(3);
            expect(run.table.has(error.cell)).toBe(false);
          }
          run.finish();
          expect(cellsOf(run.work).every((id) => run.table.has(id))).toBe(true);
          const { doneCells, totalCells } = run.fleet.progress();
          expect(doneCells).toBe(totalCells);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes no value but the one that was delivered first', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    fleet.ready('a', 0);
    fleet.submit(denseWork(4, 8), () => true, 0);
    const [{ task }] = fleet.assignments(0).assignments;
    const cell = cellOf(cellsOf(task)[0]);
    const other = { ...cell, windowSums: cell.windowSums.map((sum) => sum + 1) };
    const { accepted, corrected, events } = fleet.cells('a', task.id, [cell, other], 0);
    expect([accepted, corrected]).toEqual([[cell], []]);
    expect(events).toMatchObject([{ kind: 'cells-differ', workerIds: ['a', 'a'] }]);
  });
});
