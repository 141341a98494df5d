import { sweepFlops } from '@blockpruner/blocks';
import { cellKey, type Cell } from '@blockpruner/perplexity';
import { describe, expect, it } from 'vitest';
import { FleetError } from '../src/fleet-error.ts';
import { cellCandidates, cellsOf, type Task } from '../src/task.ts';
import { cellOf, denseWork, shapeOf, tinyFleet, workerOf } from './tiny-fleet.ts';

const LAYERS = 4;
const HEARTBEAT_MS = 100;

/** Uniform numbers in [0, 1) out of a seed. */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How a simulated worker comes to its end, if it does. */
type Fate = 'steady' | 'killed' | 'drained' | 'frozen';

interface SimulatedWorker {
  readonly id: string;
  readonly flopsPerMs: number;
  fate: Fate;
  fateMs: number;
  /** Rows still to be computed, a row of one task at a time: a micro-batch. */
  readonly batches: { task: Task; row: number; isLast: boolean }[];
  batchEndMs: number;
  heartbeatMs: number;
}

interface Outcome {
  readonly accepted: Map<string, number>;
  readonly wanted: string[];
  readonly error: FleetError | null;
  readonly endMs: number;
  readonly busyMs: number;
  readonly workerCount: number;
}

interface Scenario {
  readonly seed: number;
  readonly rowCount: number;
  readonly workerCount: number;
  readonly fates: readonly Fate[];
  /** A cell that kills whoever computes it. */
  readonly poison?: string;
  readonly joinWithinMs?: number;
}

/** Plays a run on a clock of whole milliseconds until the fleet is idle or fails. */
function simulate(scenario: Scenario): Outcome {
  const random = randomOf(scenario.seed);
  const shape = shapeOf(LAYERS);
  const rowTokens = Array.from({ length: scenario.rowCount }, () => 16 + Math.floor(random() * 48));
  const fleet = tinyFleet({ shape, rowTokens, leaseMs: 2000, heartbeatTimeoutMs: 350 });
  const work = denseWork(LAYERS, scenario.rowCount);
  const accepted = new Map<string, number>();
  const workers = new Map<string, SimulatedWorker>();
  const arrivals: number[] = [];
  const rowFlops = sweepFlops(shape, work, 40);
  for (let i = 0; i < scenario.workerCount; i++)
    arrivals.push(Math.floor(random() * (scenario.joinWithinMs ?? 500)));
  let joined = 0;
  let nowMs = 0;
  let busyMs = 0;
  fleet.submit(work, () => true);

  const receive = (cells: Cell[]) => {
    for (const cell of cells) accepted.set(cellKey(cell), (accepted.get(cellKey(cell)) ?? 0) + 1);
  };
  const startBatch = (worker: SimulatedWorker) => {
    const batch = worker.batches[0];
    if (!batch) return;
    const durationMs = Math.ceil(sweepFlops(shape, batch.task, rowTokens[batch.row]) / worker.flopsPerMs);
    worker.batchEndMs = nowMs + durationMs;
    busyMs += durationMs;
  };
  const lose = (worker: SimulatedWorker, how: 'lost' | 'drained') => {
    workers.delete(worker.id);
    arrivals.push(nowMs + Math.floor(random() * 300));
    fleet.leave(worker.id, how, how === 'lost' ? 'connection reset' : 'scaled down');
  };
  const finishBatch = (worker: SimulatedWorker) => {
    const { task, row, isLast } = worker.batches[0];
    const cells = cellCandidates(task).map((candidate) =>
      cellOf({ mask: task.base, candidate, row }, rowTokens[row]),
    );
    const poisoned = cells.findIndex((cell) => cellKey(cell) === scenario.poison);
    if (poisoned >= 0) return lose(worker, 'lost');
    worker.batches.shift();
    receive(fleet.cells(worker.id, task.id, random() < 0.1 ? [...cells, cells[0]] : cells, nowMs).accepted);
    if (isLast) fleet.done(worker.id, task.id, nowMs);
    startBatch(worker);
  };
  const live = (worker: SimulatedWorker) => {
    if (worker.fate !== 'steady' && nowMs >= worker.fateMs) {
      if (worker.fate === 'killed') return lose(worker, 'lost');
      if (worker.fate === 'drained') return lose(worker, 'drained');
      if (worker.heartbeatMs !== Number.POSITIVE_INFINITY) {
        worker.heartbeatMs = Number.POSITIVE_INFINITY;
        arrivals.push(nowMs + 100);
      }
      return;
    }
    if (nowMs >= worker.heartbeatMs) {
      fleet.heartbeat(worker.id, nowMs);
      worker.heartbeatMs = nowMs + HEARTBEAT_MS;
    }
    if (worker.batches.length > 0 && nowMs >= worker.batchEndMs) finishBatch(worker);
  };
  const arrive = () => {
    for (let i = arrivals.length - 1; i >= 0; i--) {
      if (arrivals[i] > nowMs) continue;
      arrivals.splice(i, 1);
      const id = `w${++joined}`;
      workers.set(id, {
        id,
        flopsPerMs: (rowFlops / 200) * (0.5 + random()),
        fate: scenario.fates[joined - 1] ?? 'steady',
        fateMs: nowMs + 50 + Math.floor(random() * 1500),
        batches: [],
        batchEndMs: 0,
        heartbeatMs: nowMs + HEARTBEAT_MS,
      });
      fleet.join(workerOf(id), nowMs);
      fleet.ready(id, nowMs);
    }
  };

  let error: FleetError | null = null;
  try {
    for (; !fleet.idle(); nowMs += 10) {
      expect(nowMs, `scenario ${scenario.seed} does not end`).toBeLessThan(1_000_000);
      arrive();
      for (const worker of [...workers.values()]) live(worker);
      for (const event of fleet.expire(nowMs))
        if (event.kind === 'worker-left') workers.delete(event.workerId);
      for (const { workerId, task } of fleet.assignments(nowMs).assignments) {
        const worker = workers.get(workerId)!;
        const wasIdle = worker.batches.length === 0;
        worker.batches.push(
          ...task.rows.map((row, i) => ({ task, row, isLast: i === task.rows.length - 1 })),
        );
        if (wasIdle) startBatch(worker);
      }
    }
  } catch (failure) {
    if (!(failure instanceof FleetError)) throw failure;
    error = failure;
  }
  const wanted = cellsOf(work).map(cellKey);
  return { accepted, wanted, error, endMs: nowMs, busyMs, workerCount: scenario.workerCount };
}

function randomScenario(seed: number, fates: readonly Fate[]): Scenario {
  const random = randomOf(seed * 7919);
  return {
    seed,
    rowCount: 1 + Math.floor(random() * 10),
    workerCount: 1 + Math.floor(random() * 5),
    fates: Array.from(
      { length: Math.floor(random() * 12) },
      () => fates[Math.floor(random() * fates.length)],
    ),
  };
}

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed);

describe('a fleet in virtual time', () => {
  it('gets every cell exactly once while workers are drained, and while any two are lost', () => {
    for (const seed of seeds(150)) {
      const { fates, ...rest } = randomScenario(seed, ['steady', 'drained']);
      const lossy = fates.map((fate, i): Fate => (i === 1 ? 'killed' : i === 3 ? 'frozen' : fate));
      const { accepted, wanted, error } = simulate({ ...rest, fates: lossy });
      expect(error).toBeNull();
      expect([...accepted.keys()].sort()).toEqual(wanted.sort());
      expect(
        [...accepted.values()].every((times) => times === 1),
        `scenario ${seed}`,
      ).toBe(true);
    }
  });

  it('ends under any number of losses, by all cells or by the name of one', () => {
    for (const seed of seeds(150)) {
      const { accepted, wanted, error } = simulate(
        randomScenario(seed, ['steady', 'killed', 'frozen', 'drained']),
      );
      if (error) expect(accepted.has(cellKey(error.cell))).toBe(false);
      else expect([...accepted.keys()].sort()).toEqual(wanted.sort());
      expect(
        [...accepted.values()].every((times) => times === 1),
        `scenario ${seed}`,
      ).toBe(true);
    }
  });

  it('finds the one cell that kills its workers, whatever else goes on', () => {
    for (const seed of seeds(60)) {
      const { rowCount, workerCount } = randomScenario(seed, ['steady']);
      const random = randomOf(seed);
      const ids = cellsOf(denseWork(LAYERS, rowCount));
      const poison = cellKey(ids[Math.floor(random() * ids.length)]);
      const { error, accepted } = simulate({ seed, rowCount, workerCount, fates: [], poison });
      expect(error && cellKey(error.cell), `scenario ${seed}`).toBe(poison);
      expect(accepted.has(poison)).toBe(false);
    }
  });

  it('keeps steady workers busy', () => {
    const shares = seeds(10).map((seed) => {
      const { endMs, busyMs } = simulate({ seed, rowCount: 40, workerCount: 4, fates: [], joinWithinMs: 1 });
      return busyMs / (4 * endMs);
    });
    expect(Math.min(...shares)).toBeGreaterThan(0.7);
  });
});
