import { formatMask, makeMask, type BlockIndex, type Mask } from '@blockpruner/blocks';
import { CellSupply, Costs, Fleet, FleetError, rowsToCompute, type Delivery } from '@blockpruner/fleet';
import { cellKey, CellTable, type Cell, type CellId } from '@blockpruner/perplexity';
import {
  provisionalRanking,
  SearchError,
  strategyFor,
  type Decision,
  type Strategy,
  type SearchProblem,
} from '@blockpruner/search';
import { randomOf } from './random.ts';
import { falsified, simulatedCell } from './simulated-cells.ts';
import type { Misfortune, Outcome, Scenario, WorkerModel } from './scenario.ts';
import { SimulatedLink } from './simulated-link.ts';
import { SimulatedWorker, type SimulatedMessage } from './simulated-worker.ts';
import { VirtualTime } from './virtual-time.ts';

/** A worker with its connection. */
interface Peer {
  readonly id: string;
  readonly model: WorkerModel;
  readonly worker: SimulatedWorker;
  readonly toCoordinator: SimulatedLink<SimulatedMessage>;
  readonly toWorker: SimulatedLink<() => void>;
  readonly readyMs: number;
  isGone: boolean;
}

const TICK_MS = 500;
/** How long what was decided takes to be on the disk. */
const SYNC_MS = 2;
/** Cells are on the disk at the latest after so long. */
const GROUP_COMMIT_MS = 100;
const REJOIN_MS = 1000;
/** Who leads is looked at again after so long. */
const GUESS_EVERY_MS = 50;
/** At which shares of an iteration the leaders so far are confirmed. */
const CONFIRM_AT = [0.8, 0.9, 0.97];

/** Plays one search in virtual time, with the real state machines of fleet and search. */
export class SimulatedSearch {
  private readonly scenario: Scenario;
  private readonly time = new VirtualTime();
  private readonly random: () => number;
  private readonly peers = new Map<string, Peer>();
  private readonly costs: Costs;
  private readonly strategy: Strategy;
  private supply: CellSupply | null = null;
  private fleet: Fleet;
  private table: CellTable;
  private decisions: Decision[] = [];
  private durable = { cells: [] as Cell[], decisions: [] as Decision[] };
  private unsynced: Cell[] = [];
  private isDeciding = false;
  private confirmed = 0;
  private guessMs = 0;
  private life = 0;
  private joined = 0;
  private computedFlops = 0;
  private readyFlops = 0;
  private error: FleetError | SearchError | null = null;
  private isOver = false;
  private readonly decidedMs: number[] = [];
  private readonly accepted = new Set<string>();
  private readonly twice: string[] = [];
  private readonly convicted: string[] = [];
  private readonly liars = new Set<string>();
  /** Cell → the workers that have sent it. */
  private readonly delivered = new Map<string, Set<string>>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.random = randomOf(scenario.seed);
    this.costs = new Costs(scenario);
    this.strategy = strategyFor(this.problem, scenario.method);
    this.fleet = this.newFleet();
    this.table = new CellTable(scenario.rowTokens);
  }

  run(): Outcome {
    const { workers, restartsMs, limitMs } = this.scenario;
    for (const model of workers) this.time.after(model.joinsMs, () => this.join(model));
    for (const atMs of restartsMs) this.time.after(atMs, () => this.restart());
    this.guard(() => this.step());
    this.tick();
    this.time.run(() => this.isOver || this.error !== null, limitMs);
    for (const peer of this.peers.values()) this.account(peer);
    return {
      decisions: this.decisions,
      error: this.error,
      isOver: this.isOver,
      endMs: this.time.nowMs,
      decidedMs: this.decidedMs,
      computedFlops: this.computedFlops,
      readyFlops: this.readyFlops,
      twice: this.twice,
      convicted: this.convicted,
      liars: [...this.liars],
      liesAlone: this.wrongCells().length,
      liesConfirmed: this.wrongCells().filter((key) => this.delivered.get(key)!.size > 1).length,
      counters: { ...this.fleet.counters },
    };
  }

  /** Keys of the wrong cells that the decisions were made of. */
  private wrongCells(): string[] {
    if (this.liars.size === 0) return [];
    const { rowTokens, seed } = this.scenario;
    const masks = new Set(this.decisions.map((_, i) => maskText(this.decisions.slice(0, i))));
    return this.durable.cells
      .filter((cell) => masks.has(formatMask(cell.mask)))
      .filter((cell) => !this.isRight(cell, simulatedCell(cell, rowTokens, seed)))
      .map(cellKey);
  }

  /** Whether the table holds the right value of a cell. */
  private isRight(cell: CellId, right: Cell): boolean {
    const mean = this.table.rowMean(cell);
    const expected = new CellTable(this.scenario.rowTokens);
    expected.add(right);
    return mean === expected.rowMean(cell);
  }

  private get problem(): SearchProblem {
    const { shape, remove } = this.scenario;
    return { shape, blockType: 'mix', stop: { kind: 'remove', count: remove } };
  }

  private newFleet(): Fleet {
    const { shape, rowTokens, leaseMs, heartbeatTimeoutMs, checkedShare, confirmedRows, seed } =
      this.scenario;
    return new Fleet({
      shape,
      rowTokens,
      leaseMs,
      heartbeatTimeoutMs,
      maxTasksPerWorker: 2,
      checkedShare,
      confirmedRows,
      seed,
    });
  }

  /** What the strategy wants next is submitted, or decided. */
  private step(): void {
    if (this.isDeciding) return;
    this.supply?.refill(this.time.nowMs);
    if (!this.fleet.idle()) return;
    const step = this.strategy.step(this.decisions, this.table);
    if (step.kind === 'done') {
      this.isOver = true;
      return;
    }
    if (step.kind === 'evaluate') {
      this.confirmed = 0;
      this.supply = new CellSupply(
        this.fleet,
        () => this.wanted(),
        (id) => !this.table.has(id),
      );
      this.supply.refill(this.time.nowMs);
      return;
    }
    const { decision } = step;
    const mask = maskOf(this.decisions);
    for (const block of [decision.removed, decision.runnerUp])
      if (block !== null) this.fleet.confirm(mask, block, this.time.nowMs);
    this.runAhead(decision.removed);
    if (!this.fleet.idle()) return;
    this.isDeciding = true;
    const { life } = this;
    this.time.after(SYNC_MS, () => {
      if (life !== this.life) return;
      this.sync();
      this.durable.decisions.push(decision);
      this.decisions.push(decision);
      this.decidedMs.push(this.time.nowMs);
      this.isDeciding = false;
      this.guard(() => this.step());
    });
  }

  private wanted() {
    const step = this.strategy.step(this.decisions, this.table);
    return step.kind === 'evaluate' ? step : null;
  }

  private confirmLeaders(): void {
    const { doneFlops, totalFlops } = this.fleet.progress();
    if (!(doneFlops >= CONFIRM_AT[this.confirmed] * totalFlops) || this.fleet.idle()) return;
    this.confirmed++;
    const mask = maskOf(this.decisions);
    for (const block of this.leaders().slice(0, 2)) this.fleet.confirm(mask, block, this.time.nowMs);
  }

  private leaders(): BlockIndex[] {
    return provisionalRanking(this.problem, this.decisions, this.table);
  }

  /** Workers that would wait begin with the next iteration, as if this block had been removed. */
  private runAhead(block: BlockIndex): void {
    if (!this.scenario.runsAhead) return;
    const assumed = {
      iteration: this.decisions.length + 1,
      removed: block,
      candidates: [] as const,
    } as Partial<Decision>;
    const step = this.strategy.step([...this.decisions, assumed as Decision], this.table);
    if (step.kind !== 'evaluate') return;
    const isMissing = (id: CellId): boolean => !this.table.has(id);
    const rows = rowsToCompute(step, this.fleet.readyCount, isMissing);
    this.fleet.runAhead({ ...step.sweep, rows }, isMissing, this.time.nowMs);
  }

  private join(model: WorkerModel): void {
    const { time, scenario } = this;
    const id = `w${++this.joined}`;
    const { network, shape, overheadMs, reportMs, poison } = scenario;
    const toCoordinator = new SimulatedLink<SimulatedMessage>(time, network, this.random, (message) =>
      this.guard(() => this.receive(id, message)),
    );
    const toWorker = new SimulatedLink<() => void>(time, network, this.random, (action) => action());
    const worker: SimulatedWorker = new SimulatedWorker(
      { speed: model.speed, overheadMs, reportMs, poison, valueOf: (cell) => this.compute(id, model, cell) },
      {
        time,
        shape,
        costs: this.costs,
        send: (message) => toCoordinator.send(message),
        onDeath: () => this.end(id, 'killed'),
      },
    );
    const peer = { id, model, worker, toCoordinator, toWorker, readyMs: time.nowMs, isGone: false };
    this.peers.set(id, peer);
    const { misfortune } = model;
    if (misfortune) time.after(misfortune.atMs, () => this.end(id, misfortune.kind));
    const beat = (): void => {
      if (peer.isGone) return;
      if (!worker.isPaused) toCoordinator.send({ kind: 'heartbeat' });
      time.after(scenario.heartbeatMs, beat);
    };
    beat();
    this.guard(() => this.enlist(peer));
  }

  private enlist({ id, model }: Peer): void {
    const { nowMs } = this.time;
    const answer = this.fleet.join({ id, name: id, numericClass: 'simulated', device: 'simulated' }, nowMs);
    if (answer.accepted) this.fleet.ready(id, nowMs, model.peakFlopsPerSecond);
  }

  private compute(workerId: string, model: WorkerModel, id: Parameters<typeof simulatedCell>[0]): Cell {
    const cell = simulatedCell(id, this.scenario.rowTokens, this.scenario.seed);
    if (model.lies === 0 || this.random() >= model.lies) return cell;
    this.liars.add(workerId);
    return falsified(cell, workerId);
  }

  private end(id: string, kind: Misfortune): void {
    const peer = this.peers.get(id);
    if (peer === undefined || peer.isGone) return;
    const { replacedMs } = this.scenario;
    if (kind === 'paused') return peer.worker.pause(2 * this.scenario.heartbeatTimeoutMs * this.random());
    this.account(peer);
    peer.isGone = true;
    peer.worker.stop();
    if (kind !== 'frozen') {
      peer.toCoordinator.cut();
      peer.toWorker.cut();
      const how = kind === 'drained' ? 'drained' : 'lost';
      this.guard(() => this.fleet.leave(id, how, kind));
    }
    const backMs = kind === 'cut off' ? REJOIN_MS : replacedMs;
    if (backMs !== null)
      this.time.after(backMs, () =>
        this.join({ ...peer.model, misfortune: null, lies: kind === 'cut off' ? peer.model.lies : 0 }),
      );
  }

  private receive(id: string, message: SimulatedMessage): void {
    const { nowMs } = this.time;
    switch (message.kind) {
      case 'heartbeat':
        this.fleet.heartbeat(id, nowMs);
        return;
      case 'cells':
        for (const cell of message.cells) {
          const by = this.delivered.get(cellKey(cell)) ?? new Set();
          this.delivered.set(cellKey(cell), by.add(id));
        }
        return this.take(this.fleet.cells(id, message.taskId, message.cells, nowMs));
      case 'done':
        this.fleet.done(id, message.taskId, nowMs);
    }
  }

  private take({ accepted, corrected, events }: Delivery): void {
    for (const cell of accepted) {
      const key = cellKey(cell);
      if (this.accepted.has(key)) this.twice.push(key);
      this.accepted.add(key);
      this.table.add(cell);
    }
    for (const cell of corrected) this.table.replace(cell);
    this.supply?.cellsCame();
    this.unsynced.push(...accepted, ...corrected);
    for (const event of events) if (event.kind === 'worker-convicted') this.dismiss(event.workerId);
  }

  private dismiss(id: string): void {
    this.convicted.push(id);
    const peer = this.peers.get(id);
    if (peer && !peer.isGone) this.end(id, 'killed');
  }

  /** Cells reach the disk in groups, and all of them before a decision does. */
  private sync(): void {
    this.durable.cells.push(...this.unsynced);
    this.unsynced = [];
  }

  private restart(): void {
    if (this.isOver) return;
    this.life++;
    this.isDeciding = false;
    this.unsynced = [];
    this.table = new CellTable(this.scenario.rowTokens);
    this.accepted.clear();
    for (const cell of this.durable.cells) {
      if (this.table.has(cell)) this.table.replace(cell);
      else this.table.add(cell);
      this.accepted.add(cellKey(cell));
    }
    this.decisions = [...this.durable.decisions];
    this.fleet = this.newFleet();
    this.supply = null;
    for (const { id } of [...this.peers.values()]) this.end(id, 'cut off');
    this.guard(() => this.step());
  }

  private tick(): void {
    this.guard(() => {
      for (const event of this.fleet.expire(this.time.nowMs))
        if (event.kind === 'worker-left') this.end(event.workerId, 'cut off');
    });
    this.time.after(TICK_MS, () => this.tick());
    if (this.time.nowMs % GROUP_COMMIT_MS === 0) this.sync();
  }

  private guard(action: () => void): void {
    try {
      action();
      this.confirmLeaders();
      this.step();
      const { assignments, cancellations } = this.fleet.assignments(this.time.nowMs);
      if (this.fleet.isStarving && this.time.nowMs >= this.guessMs && !this.fleet.idle()) {
        this.guessMs = this.time.nowMs + GUESS_EVERY_MS;
        const [leader] = this.leaders();
        if (leader !== undefined) this.runAhead(leader);
      }
      for (const { workerId, task } of assignments) {
        const peer = this.peers.get(workerId);
        peer?.toWorker.send(() => peer.worker.assign(task));
      }
      for (const { workerId, taskId } of cancellations) {
        const peer = this.peers.get(workerId);
        peer?.toWorker.send(() => peer.worker.cancel(taskId));
      }
    } catch (error) {
      if (!(error instanceof FleetError || error instanceof SearchError)) throw error;
      this.error = error;
    }
  }

  private account({ model, worker, readyMs, isGone }: Peer): void {
    if (isGone) return;
    this.readyFlops += (this.time.nowMs - readyMs) * model.speed;
    this.computedFlops += worker.busyMs * model.speed;
  }
}

function maskOf(decisions: readonly Decision[]): Mask {
  return makeMask(decisions.map(({ removed }) => removed));
}

function maskText(decisions: readonly Decision[]): string {
  return formatMask(maskOf(decisions));
}
