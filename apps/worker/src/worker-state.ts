import type { Readiness } from '@blockpruner/monitoring';
import type { CloseReason } from '@blockpruner/wire';
import type { ActivityClock } from './activity-clock.ts';

/**
 * What a worker is at, as it is seen from outside: ready while it is connected with the run's model loaded, and in one
 * line why not; and what its time goes to.
 *
 * Invariants:
 * 1. Once it is to stop it is not ready again, says that reason and no other, and its time goes to draining.
 * 2. It computes while it is ready with a task in hand, sends while the last of its messages is on its way after that, and waits
 *    otherwise.
 */
export class WorkerState {
  /** The process that computes; undefined before there is one. */
  computePid: number | undefined;
  private readonly readiness: Readiness;
  /** `host:port`. */
  private readonly coordinator: string;
  private readonly clock: ActivityClock;
  private phase: 'connecting' | 'loading' | 'ready' | 'stopping' = 'connecting';
  private taskCount = 0;
  private isSending = false;

  constructor(readiness: Readiness, coordinator: string, clock: ActivityClock) {
    this.readiness = readiness;
    this.coordinator = coordinator;
    this.clock = clock;
  }

  dialling(): void {
    this.become('connecting', `dialling the coordinator ${this.coordinator}`);
  }

  disconnected({ kind, reason }: CloseReason): void {
    this.taskCount = 0;
    this.isSending = false;
    this.become('connecting', notReadyFor[kind](reason));
  }

  welcomed(): void {
    this.become(
      'loading',
      `connected to coordinator ${this.coordinator}: looking for the model, or fetching it`,
    );
  }

  loading(computePid: number | undefined): void {
    this.computePid = computePid;
    this.become('loading', `connected to coordinator ${this.coordinator}: loading the model`);
  }

  ready(): void {
    this.become('ready', null);
  }

  /** @param isSending whether messages are on their way to the coordinator */
  inHand(taskCount: number, isSending: boolean): void {
    this.taskCount = taskCount;
    this.isSending = isSending;
    this.settle();
  }

  /** All messages are on the network. */
  sent(): void {
    this.isSending = false;
    this.settle();
  }

  finished(): void {
    const reason = `the run of coordinator ${this.coordinator} has finished: waiting for the next one`;
    this.become(this.phase, reason);
  }

  draining(reason: string): void {
    this.become('stopping', `draining: ${reason}`);
  }

  leaving(reason: string): void {
    this.become('stopping', `leaving: ${reason}`);
  }

  private become(phase: typeof this.phase, notReady: string | null): void {
    if (this.phase === 'stopping') return; // (1)
    this.phase = phase;
    if (notReady === null) this.readiness.ready();
    else this.readiness.notReady(notReady);
    this.settle();
  }

  private settle(): void {
    if (this.phase === 'stopping') this.clock.become('draining');
    else if (this.phase !== 'ready') this.clock.become(this.phase);
    else this.clock.become(this.taskCount > 0 ? 'computing' : this.isSending ? 'sending' : 'waiting'); // (2)
  }
}

const notReadyFor: Record<CloseReason['kind'], (reason: string) => string> = {
  refused: (reason) => `refused by ${reason}`,
  failed: (reason) => `the coordinator's run cannot be served: ${reason}`,
  lost: (reason) => `connection lost: ${reason}`,
  unreachable: (reason) => `no coordinator yet: ${reason}`,
};
