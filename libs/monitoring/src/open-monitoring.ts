import { MetricsRegistry, type Logger } from '@blockpruner/telemetry';
import { formatAddress, type Address } from '@blockpruner/wire';
import { MonitoringPorts } from './monitoring-ports.ts';
import { Readiness } from './readiness.ts';

/** Where a cluster asks how a process does; what is absent is not served. */
export interface MonitoringPlan {
  readonly health?: Address;
  readonly metrics?: Address;
}

/** What is seen of a process from outside: filled in all the same where nobody looks. */
export interface Monitoring {
  readonly registry: MetricsRegistry;
  readonly readiness: Readiness;
}

/**
 * Opens the ports before anything that takes long, so that a probe finds an answer from the start.
 * @param starting why the process is not ready at its start
 * @throws WireError for a port that cannot be had
 */
export async function openMonitoring(
  plan: MonitoringPlan,
  starting: string,
  logger: Logger,
): Promise<Monitoring> {
  const registry = new MetricsRegistry();
  const readiness = new Readiness(starting);
  const { metricsPort } = await MonitoringPorts.open({ ...plan, registry, readiness });
  const { health, metrics } = plan;
  if (health) logger.info({ listening: formatAddress(health) }, 'answering health probes');
  if (metrics && metricsPort !== null) {
    logger.info({ listening: formatAddress({ ...metrics, port: metricsPort }) }, 'serving metrics');
  }
  return { registry, readiness };
}
