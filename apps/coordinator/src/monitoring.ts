import { openMonitoring as openPorts, type MonitoringPlan, type Readiness } from '@blockpruner/monitoring';
import { CoordinatorMetrics } from '@blockpruner/telemetry';
import type { Console } from './console.ts';
import { parseListen } from './listen-address.ts';

interface MonitoringSettings {
  readonly healthListen?: string;
  readonly metricsListen?: string;
}

/** What is seen of a command from outside: filled in all the same where nobody looks. */
export interface Monitoring {
  readonly metrics: CoordinatorMetrics;
  readonly readiness: Readiness;
}

/** @throws UsageError naming the option and what was given */
export function planMonitoring({ healthListen, metricsListen }: MonitoringSettings): MonitoringPlan {
  return {
    ...(healthListen !== undefined && { health: parseListen(healthListen, '--health-listen') }),
    ...(metricsListen !== undefined && { metrics: parseListen(metricsListen, '--metrics-listen') }),
  };
}

/** @throws WireError for a port that cannot be had */
export async function openMonitoring(plan: MonitoringPlan, { logger }: Console): Promise<Monitoring> {
  const { registry, readiness } = await openPorts(plan, 'reading the model and the rows', logger);
  return { metrics: new CoordinatorMetrics(registry), readiness };
}
