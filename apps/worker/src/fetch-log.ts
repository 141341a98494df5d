import type { FetchEvent } from '@blockpruner/artifacts';
import { formatBytes, formatDuration, type Logger } from '@blockpruner/telemetry';

const INTERVAL_MS = 3000;

/** Says how a fetch gets on: every few seconds, and at once where something changes. */
export class FetchLog {
  private readonly logger: Logger;
  private readonly startedMs = performance.now();
  private saidMs = -Infinity;
  /** When and where the present stretch of the fetch began, to tell its speed. */
  private stretch: { readonly startMs: number; readonly doneBytes: number } | null = null;
  private last = { doneBytes: 0, totalBytes: 0, fetchedBytes: 0 };
  private ahead: number | null = null;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  hear(event: FetchEvent): void {
    switch (event.kind) {
      case 'hashing':
        if (this.isTime()) {
          const { doneBytes, totalBytes } = event;
          this.logger.info({ doneBytes, totalBytes }, 'the coordinator reads the model for the first time');
        }
        return;
      case 'bytes':
        this.last = event;
        return this.bytes(event.doneBytes, event.totalBytes);
      case 'waiting':
        if (this.ahead !== event.ahead || this.isTime()) {
          this.logger.info({ ahead: event.ahead }, 'waiting for other workers to fetch the model');
        }
        this.ahead = event.ahead;
        return;
      case 'shared':
        this.logger.info({ file: event.name }, 'another worker of this machine fetches the file');
        return;
      case 'trouble':
        this.logger.warn(
          { reason: event.reason, retryMs: event.retryMs },
          'fetching the model: trying again',
        );
        return;
      case 'evicted': {
        const { fingerprint, sizeBytes } = event;
        this.logger.info({ fingerprint, sizeBytes }, 'a model was removed from the cache to make room');
        return;
      }
    }
  }

  end(folder: string): void {
    const seconds = (performance.now() - this.startedMs) / 1000;
    const { totalBytes, fetchedBytes } = this.last;
    this.logger.info({ folder, totalBytes, fetchedBytes, seconds }, 'the model is here');
  }

  private bytes(doneBytes: number, totalBytes: number): void {
    this.stretch ??= { startMs: performance.now(), doneBytes };
    if (!this.isTime()) return;
    const { startMs, doneBytes: before } = this.stretch;
    const bytesPerSecond = Math.max(((doneBytes - before) / (performance.now() - startMs)) * 1000, 0);
    this.stretch = { startMs: performance.now(), doneBytes };
    const eta = bytesPerSecond > 0 ? formatDuration((totalBytes - doneBytes) / bytesPerSecond) : 'unknown';
    this.logger.info(
      { doneBytes, totalBytes, megabytesPerSecond: Math.round(bytesPerSecond / 1e5) / 10, eta },
      `fetching the model: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    );
  }

  private isTime(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.saidMs < INTERVAL_MS) return false;
    this.saidMs = nowMs;
    return true;
  }
}
