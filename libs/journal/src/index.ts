/**
 * The run folder: append-only events and cells, ownership, resume, and the schema of the result files. Knows
 * nothing of models, workers or the command line.
 */
export type { RunClock } from './clock.ts';
export type {
  DecisionRecord,
  DenseRecord,
  ScoreRecord,
  SetScoreRecord,
  StartRecord,
} from './decision-record.ts';
export { isGone } from './owner-record.ts';
export { RunFolderError } from './errors.ts';
export type { RunFolderErrorCode } from './errors.ts';
export type { JournalNote } from './event.ts';
export { encodeJson } from './json-fields.ts';
export type { NewRun } from './new-run.ts';
export { holdsRun, readRun, readRunContents, readRunRows } from './read-run.ts';
export type { RunContents, RunView } from './read-run.ts';
export { buildRemovalOrder } from './removal-order.ts';
export type { RemovalOrder } from './removal-order.ts';
export { buildResult } from './result.ts';
export type { RunResult } from './result.ts';
export { configHash } from './run-config.ts';
export type { RunConfig } from './run-config.ts';
export { calibrationRowCount, rowSetsOf } from './row-parts.ts';
export { RunFolder } from './run-folder.ts';
export type { RunFolderOptions } from './run-folder.ts';
export type { RunState } from './run-state.ts';
export type { Stopped } from './stop-record.ts';
