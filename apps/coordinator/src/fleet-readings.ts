import type { FleetReadings } from '@blockpruner/telemetry';
import type { FleetDriver } from './fleet-driver.ts';

/** @returns what reads a fleet for its metrics */
export function fleetReader(driver: FleetDriver): () => FleetReadings {
  let flops = 0;
  return () => {
    const { counters, state } = driver;
    flops = Math.max(flops, driver.flops); // work that is withdrawn takes its share of a common walk with it
    return {
      tasks: state.tasks,
      tasksDone: counters.tasksDone,
      tasksRetried: counters.retries,
      tasksHedged: counters.copies,
      leasesExpired: counters.leasesExpired,
      workers: state.workers,
      workersLost: counters.workersLost,
      workersRefused: driver.refusedCount,
      cellsDivergent: counters.divergentCells,
      flops,
    };
  };
}
