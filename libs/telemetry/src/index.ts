/**
 * What a process tells its user: log lines on stderr and in the run folder, the line of each iteration, a live
 * progress line, tables and quantities in words; and its metrics.
 */
export { CoordinatorMetrics } from './coordinator-metrics.ts';
export type { FleetReadings, SearchReadings } from './coordinator-metrics.ts';
export { logIteration } from './iteration.ts';
export type { IterationFields } from './iteration.ts';
export { LiveStream } from './live-stream.ts';
export type { TerminalStream } from './live-stream.ts';
export { attachLogFile, closeLogger, createLogger } from './logger.ts';
export type { LoggerOptions } from './logger.ts';
export { MetricsRegistry } from './metrics-registry.ts';
export type { MetricDescription } from './metrics-registry.ts';
export type { LogFormat } from './stderr-line.ts';
export { ProgressDisplay } from './progress.ts';
export type { Progress, ProgressOptions } from './progress.ts';
export {
  formatBytes,
  formatCount,
  formatDuration,
  formatFlops,
  parseBytes,
  parseCount,
  parseDuration,
} from './quantities.ts';
export { formatTable } from './table.ts';
export type { TableColumn } from './table.ts';
export { WorkerMetrics } from './worker-metrics.ts';
export type { TaskOutcome, WorkerActivity, WorkerReadings } from './worker-metrics.ts';
export type { Logger } from 'pino';
