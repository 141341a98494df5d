/** How a cluster sees a process: health by gRPC, metrics by HTTP, and whether it is ready. */
export { MonitoringPorts } from './monitoring-ports.ts';
export { openMonitoring } from './open-monitoring.ts';
export type { Monitoring, MonitoringPlan } from './open-monitoring.ts';
export { Readiness } from './readiness.ts';
