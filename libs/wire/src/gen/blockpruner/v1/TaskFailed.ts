// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { ShapePlan as _blockpruner_v1_ShapePlan, ShapePlan__Output as _blockpruner_v1_ShapePlan__Output } from '../../blockpruner/v1/ShapePlan.ts';

export interface TaskFailed {
  'taskId'?: (string);
  'reason'?: (string);
  'retryable'?: (boolean);
  'shrunkPlan'?: (_blockpruner_v1_ShapePlan | null);
}

export interface TaskFailed__Output {
  'taskId': (string);
  'reason': (string);
  'retryable': (boolean);
  'shrunkPlan': (_blockpruner_v1_ShapePlan__Output | null);
}
