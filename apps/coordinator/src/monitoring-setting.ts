import { EXPECTED, text, type Setting } from './setting-schema.ts';

/** Options of how a cluster sees the process. */
export const MONITORING_OPTIONS = {
  healthListen: {
    key: 'health-listen',
    metavar: 'host:port',
    description: 'answer the gRPC health protocol there, for probes: services liveness and readiness',
    group: 'Monitoring',
    schema: text.describe(EXPECTED.listen),
  },
  metricsListen: {
    key: 'metrics-listen',
    metavar: 'host:port',
    description: 'serve metrics there over HTTP: /metrics for Prometheus, and /readyz',
    group: 'Monitoring',
    schema: text.describe(EXPECTED.listen),
  },
} as const satisfies Record<string, Setting>;
