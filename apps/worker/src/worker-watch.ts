import type { Monitoring } from '@blockpruner/monitoring';
import { WorkerMetrics, type Logger } from '@blockpruner/telemetry';
import { ActivityClock } from './activity-clock.ts';
import type { WorkerOptions } from './options.ts';
import { residentBytes } from './resident-memory.ts';
import { WorkAccount } from './work-account.ts';
import { WorkSummary } from './work-summary.ts';
import { WorkerState } from './worker-state.ts';

/** What readiness, metrics and the line a minute are made of. */
export interface WorkerWatch {
  readonly state: WorkerState;
  readonly account: WorkAccount;
  readonly summary: WorkSummary;
}

/** Lets the metrics of a worker be read, from now on. */
export function watchWorker(
  { connect, memoryLimitBytes }: WorkerOptions,
  { registry, readiness }: Monitoring,
  logger: Logger,
): WorkerWatch {
  const clock = new ActivityClock();
  const state = new WorkerState(readiness, connect, clock);
  const account = new WorkAccount();
  new WorkerMetrics(registry, () => {
    const { tasks, tokens, flops, peakFlopsPerSecond, mfu } = account;
    return {
      isReady: readiness.isReady,
      activitySeconds: clock.seconds(),
      memoryBytes: { resident: residentBytes(state.computePid), limit: memoryLimitBytes },
      ...{ tasks, tokens, flops, peakFlopsPerSecond, mfu },
    };
  });
  return { state, account, summary: new WorkSummary(clock, account, logger) };
}
