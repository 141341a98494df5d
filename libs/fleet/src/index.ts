/**
 * Who computes what: the registry of workers, the division of work among them, leases, retry, copies, checks, and what
 * runs ahead. A pure state machine: `Fleet` is told of each message and of the time, and answers with events to log.
 */
export { Costs } from './costs.ts';
export { rowsToCompute, wholeSweep } from './demand.ts';
export type { CellDemand } from './demand.ts';
export { CellSupply } from './supply.ts';
export { divisionBound } from './division-bound.ts';
export { Fleet } from './fleet.ts';
export type { Cancellation } from './books.ts';
export type { Assignment } from './fleet.ts';
export type { Delivery } from './deliver.ts';
export { FleetError } from './fleet-error.ts';
export type { FleetEvent, Leaving } from './fleet-event.ts';
export type { FleetOptions } from './fleet-options.ts';
export type { FleetState } from './fleet-state.ts';
export type { FleetCounters } from './progress.ts';
export type { WorkerInfo, WorkerStatus } from './registry.ts';
export type { Task, Work } from './task.ts';
