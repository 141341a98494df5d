// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { SweepTask as _blockpruner_v1_SweepTask, SweepTask__Output as _blockpruner_v1_SweepTask__Output } from '../../blockpruner/v1/SweepTask.ts';

export interface Assign {
  'sweep'?: (_blockpruner_v1_SweepTask | null);
  'work'?: "sweep";
}

export interface Assign__Output {
  'sweep'?: (_blockpruner_v1_SweepTask__Output | null);
  'work'?: "sweep";
}
