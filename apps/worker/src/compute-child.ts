import type { ShapePlan } from '@blockpruner/blocks';
import { SessionProcess, type LoadedModel, type LoadRequest, type TaskFailure } from '@blockpruner/inference';
import type { Cell } from '@blockpruner/perplexity';
import type { WireTask } from '@blockpruner/wire';

/** What to do against a want of memory, for the end of a line. */
export const MORE_MEMORY =
  'give the worker more memory, take shorter rows (--seq-len), or cut the model (--stages auto)';

/** A task in the child's hands, and the plan it is computed with. */
export interface SubmittedTask {
  readonly task: WireTask;
  readonly plan: ShapePlan;
}

/** How a child ended that nobody had closed. */
export interface ChildDeath {
  readonly reason: string;
  /** What it was computing; null while it loaded or waited. */
  readonly running: SubmittedTask | null;
  /** Whether the kernel has killed for want of memory since that began. */
  readonly isOomKill: boolean;
}

export interface ChildHandlers {
  onLoading(what: string, doneBytes: number, totalBytes: number): void;
  onCells(taskId: string, cells: Cell[]): void;
  onDone(submitted: SubmittedTask, computeSeconds: number): void;
  /** The task failed; the child goes on. */
  onFailed(submitted: SubmittedTask, failure: TaskFailure): void;
  /** Not called for a child that dies while it loads: `model` rejects. */
  onDeath(death: ChildDeath): void;
}

/**
 * One life of a compute process: it loads a model, then computes tasks in turn, until it dies or is closed.
 *
 * Invariants:
 * 1. `submitted` holds the tasks that the process owes an answer for.
 * 2. `running` is the task whose turn it is, a cancelled one too as long as no other has started.
 */
export class ComputeChild {
  readonly model: Promise<LoadedModel>;
  private readonly session: SessionProcess;
  private readonly submitted = new Map<string, SubmittedTask>();
  private readonly countOomKills: () => number | undefined;
  private running: SubmittedTask | null = null;
  private oomKillsBefore: number | undefined;
  private hasLoaded = false;

  constructor(
    request: LoadRequest,
    environment: NodeJS.ProcessEnv,
    countOomKills: () => number | undefined,
    handlers: ChildHandlers,
  ) {
    this.countOomKills = countOomKills;
    this.oomKillsBefore = countOomKills();
    this.session = new SessionProcess(
      {
        onLoading: (what, doneBytes, totalBytes) => handlers.onLoading(what, doneBytes, totalBytes),
        onStarted: (taskId) => this.started(taskId),
        onCells: (taskId, cells) => handlers.onCells(taskId, cells),
        onDone: (taskId, computeSeconds) =>
          this.settle(taskId, (submitted) => handlers.onDone(submitted, computeSeconds)),
        onFailed: (taskId, failure) =>
          this.settle(taskId, (submitted) => handlers.onFailed(submitted, failure)),
        onExit: (reason) => {
          const { running, hasLoaded } = this;
          if (hasLoaded) handlers.onDeath({ reason, running, isOomKill: this.isOomKill() });
        },
      },
      environment,
    );
    this.model = this.load(request);
  }

  get pid(): number | undefined {
    return this.session.pid;
  }

  get isLoaded(): boolean {
    return this.hasLoaded;
  }

  submit(task: WireTask, plan: ShapePlan): void {
    this.submitted.set(task.taskId, { task, plan });
    const { taskId, base, candidates, unit, baseline, rows, inFp32 } = task;
    this.session.evaluate({ taskId, sweep: { base, candidates, unit, baseline }, rows, plan, inFp32 });
  }

  cancel(taskId: string): void {
    if (this.submitted.delete(taskId)) this.session.cancel(taskId);
  }

  close(): void {
    this.session.close();
  }

  private async load(request: LoadRequest): Promise<LoadedModel> {
    try {
      const model = await this.session.load(request);
      this.hasLoaded = true;
      return model;
    } catch (error) {
      if (!this.isOomKill()) throw error;
      const { message } = error as Error;
      throw new Error(`${message} for want of memory while it loaded the model: ${MORE_MEMORY}`, {
        cause: error,
      });
    }
  }

  private started(taskId: string): void {
    this.running = this.submitted.get(taskId) ?? null;
    this.oomKillsBefore = this.countOomKills();
  }

  private settle(taskId: string, report: (submitted: SubmittedTask) => void): void {
    const submitted = this.submitted.get(taskId);
    this.submitted.delete(taskId);
    this.running = null;
    if (submitted) report(submitted);
  }

  private isOomKill(): boolean {
    return (this.countOomKills() ?? 0) > (this.oomKillsBefore ?? 0);
  }
}
