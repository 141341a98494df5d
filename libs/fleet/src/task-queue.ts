import { halveWork } from './cut.ts';
import type { FleetEvent } from './fleet-event.ts';
import { openTask, type LostWorker, type OpenTask } from './open-task.ts';
import { workFlops, type Sizes, type Task, type Work } from './task.ts';

/** Tasks that wait for a worker, in the order they are offered; it gives tasks their ids. */
export class TaskQueue {
  private readonly sizes: Sizes;
  private waiting: OpenTask[] = [];
  private idCount = 0;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  get length(): number {
    return this.waiting.length;
  }

  open(work: Work, lost: readonly LostWorker[] = []): OpenTask {
    return openTask(`t${++this.idCount}`, work, lost);
  }

  /** Fresh work waits behind what is there; reissued work goes first, so that no iteration hangs on it. */
  add(tasks: readonly OpenTask[], where: 'first' | 'last'): void {
    this.waiting = where === 'first' ? [...tasks, ...this.waiting] : [...this.waiting, ...tasks];
  }

  list(): readonly OpenTask[] {
    return this.waiting;
  }

  take(task: Task): OpenTask | undefined {
    const open = this.waiting.find((waiting) => waiting.task === task);
    this.waiting = this.waiting.filter((waiting) => waiting !== open);
    return open;
  }

  /** Halves tasks that cost more than the limit until none does, or they are single cells. */
  splitCostly(limitFlops: number, reason: string): FleetEvent[] {
    const events: FleetEvent[] = [];
    for (let i = 0; i < this.waiting.length;) {
      const isCostly = workFlops(this.sizes, this.waiting[i].task) > limitFlops;
      const event = isCostly ? this.splitAt(i, reason) : null;
      if (event) events.push(event);
      else i++;
    }
    return events;
  }

  /** Halves the costliest tasks until there are so many, or all are single cells. */
  splitUpTo(count: number, reason: string): FleetEvent[] {
    const events: FleetEvent[] = [];
    while (this.waiting.length > 0 && this.waiting.length < count) {
      const byCost = this.waiting
        .map(({ task }, i) => ({ i, flops: workFlops(this.sizes, task) }))
        .sort((a, b) => b.flops - a.flops);
      const event = byCost.reduce<FleetEvent | null>((done, { i }) => done ?? this.splitAt(i, reason), null);
      if (event === null) break;
      events.push(event);
    }
    return events;
  }

  private splitAt(index: number, reason: string): FleetEvent | null {
    const { task, lost } = this.waiting[index];
    const halves = halveWork(this.sizes, task)?.map((work) => this.open(work, lost));
    if (halves === undefined) return null;
    this.waiting.splice(index, 1, ...halves);
    return { kind: 'task-split', taskId: task.id, into: halves.map((half) => half.task.id), reason };
  }
}
