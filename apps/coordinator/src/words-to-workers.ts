import { unitOf, type ShapePlan } from '@blockpruner/blocks';
import type { Task } from '@blockpruner/fleet';
import { PROTOCOL_VERSION, type CoordinatorMessage } from '@blockpruner/wire';
import type { FleetDriverOptions } from './fleet-hooks.ts';

const HEARTBEAT_MS = 2000;

/** What a worker that was let in is told of the run. @param shapePlan of its class; null where it is to bring one */
export function welcome(
  { runId, model, longestRowTokens, microBatchRows, artifacts }: FleetDriverOptions,
  shapePlan: ShapePlan | null,
): CoordinatorMessage {
  return {
    kind: 'welcome',
    protocol: PROTOCOL_VERSION,
    runId,
    model,
    heartbeatMs: HEARTBEAT_MS,
    shapePlan,
    longestRowTokens,
    microBatchRows,
    artifacts,
  };
}

/** A task with all that its worker needs for it. @param calibrationRows token ids of every row of the run */
export function assignment(
  task: Task,
  plan: ShapePlan,
  calibrationRows: readonly Int32Array[],
): CoordinatorMessage {
  const { id: taskId, base, candidates, baseline, inFp32 = false } = task;
  const rows = task.rows.map((index) => ({ index, tokenIds: calibrationRows[index] }));
  return {
    kind: 'assign',
    task: { taskId, base, candidates, unit: unitOf(task), baseline, rows, plan, inFp32 },
  };
}
