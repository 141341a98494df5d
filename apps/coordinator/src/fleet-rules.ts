import type { FleetOptions } from '@blockpruner/fleet';
import type { FleetDriverOptions } from './fleet-hooks.ts';

const HEARTBEAT_TIMEOUT_MS = 15_000;
/** Of all cells, so many are computed by two workers, wherever there are two. */
const CHECKED_SHARE = 0.005;
/** Rows on which the candidates that a decision is between are computed by two workers. */
const CONFIRMED_ROWS = 2;

/** By which rules the work of a run is divided, checked and taken back. */
export function fleetRules(options: FleetDriverOptions): FleetOptions {
  const { shape, rows, leaseMs, seed, targetTaskMs, mixedClasses, numericClass } = options;
  return {
    shape,
    rowTokens: rows.map((row) => row.length),
    leaseMs,
    heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    maxTasksPerWorker: 2,
    checkedShare: CHECKED_SHARE,
    confirmedRows: CONFIRMED_ROWS,
    seed,
    targetTaskMs,
    mixedClasses,
    numericClass,
  };
}
