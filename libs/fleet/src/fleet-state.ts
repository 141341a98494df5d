import type { Books } from './books.ts';

/** How a fleet stands at one moment, in numbers. */
export interface FleetState {
  readonly tasks: {
    /**
     * What waits for a worker: tasks that another could not finish, and pieces that no task has been cut of yet, each of
     * cells of one row. Without checks and what runs ahead.
     */
    readonly pending: number;
    /** In the hands of workers, checks, copies and what runs ahead too. */
    readonly leased: number;
  };
  /** Each worker that has joined and not left is in one of them. */
  readonly workers: {
    /** Has no model yet, or gets no task yet. */
    readonly loading: number;
    readonly ready: number;
    /** Finishes what it has in hand. */
    readonly draining: number;
  };
  /**
   * FLOP/s of one ready worker, the mean: as measured on its tasks, before that as its device promises; undefined while
   * nothing is known of any.
   */
  readonly workerFlopsPerSecond: number | undefined;
}

export function stateOf({ registry, dispatch, leases }: Books): FleetState {
  const members = registry.members();
  const draining = members.filter(({ isDraining }) => isDraining).length;
  const ready = registry.ready();
  const speeds = ready
    .map(({ id }) => dispatch.speeds.estimateOf(id))
    .filter((flopsPerMs) => flopsPerMs !== undefined);
  const mean = speeds.reduce((sum, flopsPerMs) => sum + flopsPerMs, 0) / speeds.length;
  return {
    tasks: { pending: dispatch.waitingCount, leased: leases.count },
    workers: { loading: members.length - ready.length - draining, ready: ready.length, draining },
    workerFlopsPerSecond: speeds.length > 0 ? 1000 * mean : undefined,
  };
}
