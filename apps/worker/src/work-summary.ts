import { formatCount, formatDuration, formatFlops, type Logger } from '@blockpruner/telemetry';
import type { ActivityClock } from './activity-clock.ts';
import type { WorkAccount } from './work-account.ts';

const INTERVAL_MS = 60_000;

interface Totals {
  readonly tasks: number;
  readonly tokens: number;
  readonly flops: number;
  readonly computingSeconds: number;
  readonly seconds: number;
}

/** A line a minute of what a worker has done: a line a task is too many of a fast fleet. A minute without a task has none. */
export class WorkSummary {
  private readonly clock: ActivityClock;
  private readonly account: WorkAccount;
  private readonly logger: Logger;
  private told: Totals;

  /** Begins at once; keeps no process alive. */
  constructor(clock: ActivityClock, account: WorkAccount, logger: Logger) {
    this.clock = clock;
    this.account = account;
    this.logger = logger;
    this.told = this.totals();
    setInterval(() => this.tell(), INTERVAL_MS).unref();
  }

  /** What was done since this was last told, before the minute is over. */
  tell(): void {
    const { told } = this;
    this.told = this.totals();
    const since = (name: keyof Totals): number => this.told[name] - told[name];
    const [tasks, tokens, seconds] = [since('tasks'), since('tokens'), since('seconds')];
    if (tasks === 0) return;
    const tokensPerSecond = tokens / seconds;
    const flopsPerSecond = since('flops') / seconds;
    const computingPercent = (100 * since('computingSeconds')) / seconds;
    this.logger.info(
      { tasks, tokens, seconds, tokensPerSecond, flopsPerSecond, computingPercent },
      `${tasks} task${tasks === 1 ? '' : 's'} done in ${formatDuration(seconds)}, ${formatCount(tokensPerSecond)} tokens/s, ${formatFlops(flopsPerSecond)}/s, computing ${computingPercent.toFixed(0)} % of the time`,
    );
  }

  private totals(): Totals {
    const { tasks, tokens, flops } = this.account;
    const activities = this.clock.seconds();
    const seconds = Object.values(activities).reduce((sum, each) => sum + each, 0);
    return { tasks: tasks.done, tokens, flops, computingSeconds: activities.computing, seconds };
  }
}
