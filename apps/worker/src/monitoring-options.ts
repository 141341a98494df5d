import type { MonitoringPlan } from '@blockpruner/monitoring';
import { parseListenAddress, type Address } from '@blockpruner/wire';
import type { GivenOptions } from './given-options.ts';
import { WorkerUsageError } from './usage-error.ts';

/** For `parseArgs`. */
export const MONITORING_FLAGS = {
  'health-listen': { type: 'string' },
  'metrics-listen': { type: 'string' },
} as const;

type MonitoringFlag = keyof typeof MONITORING_FLAGS;

export const MONITORING_HELP = `\
  --health-listen <host:port>  answer the gRPC health protocol there, for probes: services liveness and readiness (env BLOCKPRUNER_HEALTH_LISTEN)
  --metrics-listen <host:port>  serve metrics there over HTTP: /metrics for Prometheus, and /readyz (env BLOCKPRUNER_METRICS_LISTEN)`;

/** @throws WorkerUsageError for an address that cannot be read */
export function parseMonitoring(given: GivenOptions<{ [Name in MonitoringFlag]?: string }>): MonitoringPlan {
  const [health, metrics] = [address(given, 'health-listen'), address(given, 'metrics-listen')];
  return { ...(health && { health }), ...(metrics && { metrics }) };
}

function address(
  given: GivenOptions<{ [Name in MonitoringFlag]?: string }>,
  name: MonitoringFlag,
): Address | undefined {
  const text = given.text(name);
  if (text === undefined) return undefined;
  const parsed = parseListenAddress(text);
  if (parsed) return parsed;
  throw new WorkerUsageError(
    `--${name} must be host:port, e.g. 0.0.0.0:50053, or a port alone; got "${text}"`,
  );
}
