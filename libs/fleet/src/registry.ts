/** What a worker says of itself when it joins. */
export interface WorkerInfo {
  readonly id: string;
  /** For people: host or pod. */
  readonly name: string;
  /** Across classes cells differ: only workers of one class compute a run, unless it is told to mix them. */
  readonly numericClass: string;
  readonly device: string;
}

/** A worker that has joined and not left. */
export interface Member {
  readonly info: WorkerInfo;
  readonly joinedMs: number;
  heardMs: number;
  /** Its model is loaded: it may get tasks. */
  isReady: boolean;
  /** It finishes what it has in hand, and is not ready any more. */
  isDraining: boolean;
  /** Cells accepted from it. */
  cellCount: number;
}

/** One worker as it stands now, for logs and displays. */
export interface WorkerStatus extends WorkerInfo {
  readonly isReady: boolean;
  readonly joinedMs: number;
  /** In lease order. */
  readonly taskIds: readonly string[];
  readonly cellCount: number;
}

/**
 * The workers of a run.
 *
 * Invariants:
 * 1. The first worker to join fixes the run's numeric class, and it stays when they have all left. All members are
 *    of that class, unless the run mixes classes.
 * 2. An id belongs to one member at a time.
 */
export class Registry {
  private readonly byId = new Map<string, Member>();
  private readonly mixedClasses: boolean;
  private runClass: { readonly name: string; readonly fixedBy: string } | undefined;

  /**
   * @param mixedClasses whether workers of any class are let in
   * @param numericClass the class of a run that is resumed
   */
  constructor(mixedClasses: boolean, numericClass?: string) {
    this.mixedClasses = mixedClasses;
    if (numericClass !== undefined)
      this.runClass = { name: numericClass, fixedBy: 'the cells of the run so far' };
  }

  get numericClass(): string | undefined {
    return this.runClass?.name;
  }

  /** @returns why the worker is refused, or null when it is in */
  join(info: WorkerInfo, nowMs: number): string | null {
    if (this.byId.has(info.id)) return `a worker with id ${info.id} is already there`; // (2)
    this.runClass ??= { name: info.numericClass, fixedBy: `worker ${info.name}` };
    if (info.numericClass !== this.runClass.name && !this.mixedClasses) {
      return (
        `worker ${info.name} computes in numeric class "${info.numericClass}", but ${this.runClass.fixedBy} fixed ` +
        `this run's class as "${this.runClass.name}": start workers of that class, or the run with --mixed-classes`
      ); // (1)
    }
    const joined = { joinedMs: nowMs, heardMs: nowMs, isReady: false, isDraining: false, cellCount: 0 };
    this.byId.set(info.id, { info, ...joined });
    return null;
  }

  get(workerId: string): Member | undefined {
    return this.byId.get(workerId);
  }

  remove(workerId: string): void {
    this.byId.delete(workerId);
  }

  /** In the order they joined. */
  members(): Member[] {
    return [...this.byId.values()];
  }

  ready(): Member[] {
    return this.members().filter(({ isReady }) => isReady);
  }
}
