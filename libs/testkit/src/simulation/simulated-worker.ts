import type { BlockIndex, ModelShape } from '@blockpruner/blocks';
import type { Costs, Task } from '@blockpruner/fleet';
import { cellKey, type Cell, type CellId } from '@blockpruner/perplexity';
import type { VirtualTime } from './virtual-time.ts';

/** What a worker says in the simulation. */
export type SimulatedMessage =
  | { readonly kind: 'cells'; readonly taskId: string; readonly cells: readonly Cell[] }
  | { readonly kind: 'done'; readonly taskId: string }
  | { readonly kind: 'heartbeat' };

/** How a simulated worker computes. */
export interface ComputeModel {
  /** FLOPs of the cost model per millisecond. */
  readonly speed: number;
  /** What starting a run of the model costs, whatever its size. */
  readonly overheadMs: number;
  /** Cells are sent when so much time has passed since the last were: a real worker's micro-batch. */
  readonly reportMs: number;
  readonly valueOf: (id: CellId) => Cell;
  /** A cell whose computing ends the worker. */
  readonly poison: string | null;
}

interface Surroundings {
  readonly time: VirtualTime;
  readonly shape: ModelShape;
  readonly costs: Costs;
  readonly send: (message: SimulatedMessage) => void;
  readonly onDeath: () => void;
}

/**
 * What a worker does with its tasks: one after the other, row by row, candidate by candidate, going on with the baseline's
 * stream where it left it.
 */
export class SimulatedWorker {
  /** Time spent on computing. */
  busyMs = 0;
  private readonly model: ComputeModel;
  private readonly around: Surroundings;
  private tasks: Task[] = [];
  private readonly walked = new Map<string, BlockIndex>();
  private unsent: Cell[] = [];
  private sentMs = 0;
  private isRunning = false;
  private isStopped = false;
  private pausedUntilMs = 0;

  constructor(model: ComputeModel, around: Surroundings) {
    this.model = model;
    this.around = around;
  }

  assign(task: Task): void {
    this.tasks.push(task);
    if (!this.isRunning) this.begin();
  }

  cancel(taskId: string): void {
    this.tasks = this.tasks.filter(({ id }, i) => id !== taskId || (i === 0 && this.isRunning));
    if (this.tasks[0]?.id === taskId) this.tasks[0] = { ...this.tasks[0], id: `${taskId} cancelled` };
  }

  /** Does nothing for a while, heartbeats included. */
  pause(ms: number): void {
    this.pausedUntilMs = this.around.time.nowMs + ms;
  }

  get isPaused(): boolean {
    return this.around.time.nowMs < this.pausedUntilMs;
  }

  /** The connection or the process is gone. */
  stop(): void {
    this.isStopped = true;
    this.tasks = [];
  }

  private begin(): void {
    const task = this.tasks.at(0);
    if (task === undefined) return;
    this.isRunning = true;
    this.compute(task, 0, 0);
  }

  private compute(task: Task, rowAt: number, cellAt: number): void {
    const { time } = this.around;
    const cells = task.baseline ? [...task.candidates, null] : task.candidates;
    const candidate = cells[cellAt];
    const row = task.rows[rowAt];
    const ms = this.flopsOf(task, row, candidate) / this.model.speed + this.model.overheadMs;
    const waitMs = Math.max(0, this.pausedUntilMs - time.nowMs);
    this.busyMs += ms;
    time.after(ms + waitMs, () => {
      if (this.isStopped) return;
      const id = { mask: task.base, candidate, row };
      if (this.model.poison === cellKey(id)) return this.around.onDeath();
      this.unsent.push(this.model.valueOf(id));
      const isLast = cellAt === cells.length - 1;
      const isDone = isLast && rowAt === task.rows.length - 1;
      const isCancelled = this.tasks[0] !== task;
      if (isDone || isCancelled || time.nowMs - this.sentMs >= this.model.reportMs) this.sendCells(task.id);
      if (isDone || isCancelled) return this.finish(task, isCancelled);
      if (isLast) this.compute(task, rowAt + 1, 0);
      else this.compute(task, rowAt, cellAt + 1);
    });
  }

  private finish(task: Task, isCancelled: boolean): void {
    if (!isCancelled) this.around.send({ kind: 'done', taskId: task.id });
    this.tasks.shift();
    this.isRunning = false;
    this.begin();
  }

  private sendCells(taskId: string): void {
    this.around.send({ kind: 'cells', taskId, cells: this.unsent });
    this.unsent = [];
    this.sentMs = this.around.time.nowMs;
  }

  /** Of a cell and of the baseline's walk to it. */
  private flopsOf(task: Task, row: number, candidate: BlockIndex | null): number {
    const { costs, shape } = this.around;
    const key = `${task.base.join()}/${row}`;
    const fork = candidate ?? 2 * shape.layerCount;
    const walked = this.walked.get(key) ?? 0;
    this.walked.set(key, fork);
    return costs.walk(task.base, row, walked <= fork ? walked : 0, fork) + costs.cell(task, row, candidate);
  }
}
