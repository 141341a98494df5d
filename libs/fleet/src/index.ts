/**
 * Who computes what: the registry of workers, the cutting of work into tasks, affinity, leases and retry.
 * A pure state machine: `Fleet` is told of each message and of the time, and answers with events to log.
 */
export { Fleet } from './fleet.ts';
export type { Assignment, Delivery } from './exchange.ts';
export { FleetError } from './fleet-error.ts';
export type { FleetEvent, Leaving } from './fleet-event.ts';
export type { FleetOptions } from './fleet-options.ts';
export type { FleetCounters } from './progress.ts';
export type { WorkerInfo, WorkerStatus } from './registry.ts';
export type { Task, Work } from './task.ts';
