import { MonitoringPorts, Readiness } from '@blockpruner/monitoring';
import { CoordinatorMetrics, MetricsRegistry } from '@blockpruner/telemetry';
import { formatAddress, type Address } from '@blockpruner/wire';
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
  const registry = new MetricsRegistry();
  const metrics = new CoordinatorMetrics(registry);
  const readiness = new Readiness('reading the model and the rows');
  const { metricsPort } = await MonitoringPorts.open({ ...plan, registry, readiness });
  const { health, metrics: scrapes } = plan;
  if (health) logger.info({ listening: formatAddress(health) }, 'answering health probes');
  if (scrapes && metricsPort !== null) {
    logger.info({ listening: formatAddress({ ...scrapes, port: metricsPort }) }, 'serving metrics');
  }
  return { metrics, readiness };
}
