import type { Readiness } from '@blockpruner/monitoring';
import type { CloseReason } from '@blockpruner/wire';

/**
 * What a worker is at, as it is seen from outside: ready while it is connected with the run's model loaded, and in one
 * line why not.
 *
 * Invariants:
 * 1. Once it is to stop it is not ready again, and says that reason and no other.
 */
export class WorkerState {
  private readonly readiness: Readiness;
  /** `host:port`. */
  private readonly coordinator: string;
  private isStopping = false;

  constructor(readiness: Readiness, coordinator: string) {
    this.readiness = readiness;
    this.coordinator = coordinator;
    this.notReady(`dialling the coordinator ${coordinator}`);
  }

  disconnected({ kind, reason }: CloseReason): void {
    this.notReady(notReadyFor[kind](reason));
  }

  welcomed(): void {
    this.notReady(`connected to coordinator ${this.coordinator}: looking for the model, or fetching it`);
  }

  loading(): void {
    this.notReady(`connected to coordinator ${this.coordinator}: loading the model`);
  }

  ready(): void {
    if (!this.isStopping) this.readiness.ready();
  }

  finished(): void {
    this.notReady(`the run of coordinator ${this.coordinator} has finished: waiting for the next one`);
  }

  draining(reason: string): void {
    this.notReady(`draining: ${reason}`);
    this.isStopping = true; // (1)
  }

  leaving(reason: string): void {
    this.notReady(`leaving: ${reason}`);
    this.isStopping = true; // (1)
  }

  private notReady(reason: string): void {
    if (!this.isStopping) this.readiness.notReady(reason);
  }
}

const notReadyFor: Record<CloseReason['kind'], (reason: string) => string> = {
  refused: (reason) => `refused by ${reason}`,
  failed: (reason) => `the coordinator's run cannot be served: ${reason}`,
  lost: (reason) => `connection lost: ${reason}`,
  unreachable: (reason) => `no coordinator yet: ${reason}`,
};
