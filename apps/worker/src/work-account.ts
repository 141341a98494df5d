import { sweepFlops } from '@blockpruner/blocks';
import type { LoadedModel } from '@blockpruner/inference';
import type { TaskOutcome } from '@blockpruner/telemetry';
import type { WireTask } from '@blockpruner/wire';

/**
 * What a worker has done since it started.
 *
 * Invariants:
 * 1. A task that was taken is counted once, when it is done, fails or is given up; what it computed counts when it is done.
 */
export class WorkAccount {
  readonly tasks: Record<TaskOutcome, number> = { done: 0, failed: 0, cancelled: 0 };
  /** Of the rows of the cells. */
  tokens = 0;
  /** As the cost model counts whole sweeps. */
  flops = 0;
  /** Of the last task that was done; null where there is no peak. */
  mfu: number | null = null;
  private model: LoadedModel | undefined;

  /** Null while none was measured. */
  get peakFlopsPerSecond(): number | null {
    return this.model?.peakFlopsPerSecond || null;
  }

  loaded(model: LoadedModel): void {
    this.model = model;
    this.mfu = null;
  }

  done(task: WireTask, computeSeconds: number): void {
    const { candidates, baseline, rows } = task;
    const rowTokens = rows.map(({ tokenIds }) => tokenIds.length);
    const { shape } = this.model ?? {};
    const flops = shape ? rowTokens.reduce((sum, tokens) => sum + sweepFlops(shape, task, tokens), 0) : 0;
    this.tasks.done += 1;
    this.tokens +=
      rowTokens.reduce((sum, tokens) => sum + tokens, 0) * (candidates.length + Number(baseline));
    this.flops += flops;
    const peak = this.peakFlopsPerSecond;
    this.mfu = peak === null ? null : flops / computeSeconds / peak;
  }

  failed(): void {
    this.tasks.failed += 1;
  }

  cancelled(): void {
    this.tasks.cancelled += 1;
  }
}
