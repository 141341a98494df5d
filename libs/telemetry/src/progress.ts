import type { Logger } from 'pino';
import type { LiveStream } from './live-stream.ts';
import { formatCount, formatDuration } from './quantities.ts';

/** Where the work in hand stands. */
export interface Progress {
  /** What is under way, `iteration 3/12`. A new title starts a new rate. */
  readonly title: string;
  /** Units done of `total`, say cells. */
  readonly done: number;
  readonly total: number;
  /** Done and in all of what the units cost, in any measure: the time left follows from it where they cost unequally. */
  readonly cost?: { readonly done: number; readonly total: number };
  /** More to show at the end of the line, `4 workers`. */
  readonly detail?: string;
}

/** What a progress display is made of. */
export interface ProgressOptions {
  /** The stream that the logger writes to as well. */
  readonly stream: LiveStream;
  /** Whether to draw a live line; otherwise progress is logged. */
  readonly isTty: boolean;
  readonly logger: Logger;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Least time between two log lines where there is no live line. Default 10 s. */
  readonly intervalMs?: number;
}

const REDRAW_MS = 100;
const BAR_CHARACTERS = 20;

/**
 * Shows progress as a live line on a terminal, or as a log line now and then elsewhere.
 *
 * Invariants:
 * 1. There are no timers: only `update` draws or logs, and never sooner after the last time than the interval
 *    (100 ms for the live line). A new title is drawn at once.
 * 2. The rate is that since the title began; what was done before that does not count.
 * 3. After `close` nothing is drawn or logged.
 */
export class ProgressDisplay {
  private readonly options: ProgressOptions;
  private title = '';
  private startMs = 0;
  private startDone = 0;
  private startCost = 0;
  private shownMs: number;
  private closed = false;

  constructor(options: ProgressOptions) {
    this.options = options;
    this.shownMs = options.nowMs();
  }

  update(progress: Progress): void {
    if (this.closed) return;
    const { stream, isTty, logger, nowMs, intervalMs = 10_000 } = this.options;
    const now = nowMs();
    const isNew = progress.title !== this.title;
    if (isNew) {
      this.title = progress.title;
      this.startMs = now;
      this.startDone = progress.done;
      this.startCost = costOf(progress).done;
    }
    const isDue = now - this.shownMs >= (isTty ? REDRAW_MS : intervalMs);
    if (!isDue && !(isTty && isNew)) return; // (1)
    this.shownMs = now;
    const pace = this.pace(progress, now);
    if (isTty) stream.setBlock([progressLine(progress, pace)]);
    else {
      const { done, total, detail } = progress;
      logger.info({ title: this.title, done, total, detail, ...pace }, 'progress');
    }
  }

  /** Takes the live line away until the next update that draws. */
  clear(): void {
    this.options.stream.setBlock([]);
  }

  /** Takes the live line away for good. Safe to call twice. */
  close(): void {
    this.closed = true;
    this.clear();
  }

  private pace(progress: Progress, now: number): Pace {
    const seconds = (now - this.startMs) / 1000;
    const { done, total } = costOf(progress);
    const units = progress.done - this.startDone; // (2)
    const cost = done - this.startCost;
    if (seconds <= 0 || units <= 0 || cost <= 0) return { perSecond: null, etaSeconds: null };
    return { perSecond: units / seconds, etaSeconds: ((total - done) * seconds) / cost };
  }
}

function costOf({ done, total, cost }: Progress): { readonly done: number; readonly total: number } {
  return cost ?? { done, total };
}

/** Null while nothing has been done since the title began. */
interface Pace {
  readonly perSecond: number | null;
  readonly etaSeconds: number | null;
}

function progressLine({ title, done, total, detail }: Progress, { perSecond, etaSeconds }: Pace): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const filled = Math.floor(share * BAR_CHARACTERS);
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_CHARACTERS - filled);
  const parts = [`${title} [${bar}] ${Math.floor(100 * share)} %`, `${done}/${total}`];
  if (perSecond !== null) parts.push(`${formatCount(perSecond)}/s`);
  if (etaSeconds !== null) parts.push(`ETA ${formatDuration(etaSeconds)}`);
  if (detail) parts.push(detail);
  return parts.join('  ').replace(/\p{Cc}/gu, ' ');
}
