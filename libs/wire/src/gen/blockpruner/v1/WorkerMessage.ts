// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { Hello as _blockpruner_v1_Hello, Hello__Output as _blockpruner_v1_Hello__Output } from '../../blockpruner/v1/Hello.ts';
import type { Ready as _blockpruner_v1_Ready, Ready__Output as _blockpruner_v1_Ready__Output } from '../../blockpruner/v1/Ready.ts';
import type { Heartbeat as _blockpruner_v1_Heartbeat, Heartbeat__Output as _blockpruner_v1_Heartbeat__Output } from '../../blockpruner/v1/Heartbeat.ts';
import type { CellBatch as _blockpruner_v1_CellBatch, CellBatch__Output as _blockpruner_v1_CellBatch__Output } from '../../blockpruner/v1/CellBatch.ts';
import type { TaskDone as _blockpruner_v1_TaskDone, TaskDone__Output as _blockpruner_v1_TaskDone__Output } from '../../blockpruner/v1/TaskDone.ts';
import type { TaskFailed as _blockpruner_v1_TaskFailed, TaskFailed__Output as _blockpruner_v1_TaskFailed__Output } from '../../blockpruner/v1/TaskFailed.ts';
import type { Failed as _blockpruner_v1_Failed, Failed__Output as _blockpruner_v1_Failed__Output } from '../../blockpruner/v1/Failed.ts';
import type { Leaving as _blockpruner_v1_Leaving, Leaving__Output as _blockpruner_v1_Leaving__Output } from '../../blockpruner/v1/Leaving.ts';
import type { Draining as _blockpruner_v1_Draining, Draining__Output as _blockpruner_v1_Draining__Output } from '../../blockpruner/v1/Draining.ts';

export interface WorkerMessage {
  'hello'?: (_blockpruner_v1_Hello | null);
  'ready'?: (_blockpruner_v1_Ready | null);
  'heartbeat'?: (_blockpruner_v1_Heartbeat | null);
  'cells'?: (_blockpruner_v1_CellBatch | null);
  'taskDone'?: (_blockpruner_v1_TaskDone | null);
  'taskFailed'?: (_blockpruner_v1_TaskFailed | null);
  'failed'?: (_blockpruner_v1_Failed | null);
  'leaving'?: (_blockpruner_v1_Leaving | null);
  'draining'?: (_blockpruner_v1_Draining | null);
  'kind'?: "hello"|"ready"|"heartbeat"|"cells"|"taskDone"|"taskFailed"|"failed"|"leaving"|"draining";
}

export interface WorkerMessage__Output {
  'hello'?: (_blockpruner_v1_Hello__Output | null);
  'ready'?: (_blockpruner_v1_Ready__Output | null);
  'heartbeat'?: (_blockpruner_v1_Heartbeat__Output | null);
  'cells'?: (_blockpruner_v1_CellBatch__Output | null);
  'taskDone'?: (_blockpruner_v1_TaskDone__Output | null);
  'taskFailed'?: (_blockpruner_v1_TaskFailed__Output | null);
  'failed'?: (_blockpruner_v1_Failed__Output | null);
  'leaving'?: (_blockpruner_v1_Leaving__Output | null);
  'draining'?: (_blockpruner_v1_Draining__Output | null);
  'kind'?: "hello"|"ready"|"heartbeat"|"cells"|"taskDone"|"taskFailed"|"failed"|"leaving"|"draining";
}
