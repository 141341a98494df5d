// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { Welcome as _blockpruner_v1_Welcome, Welcome__Output as _blockpruner_v1_Welcome__Output } from '../../blockpruner/v1/Welcome.ts';
import type { Assign as _blockpruner_v1_Assign, Assign__Output as _blockpruner_v1_Assign__Output } from '../../blockpruner/v1/Assign.ts';
import type { Cancel as _blockpruner_v1_Cancel, Cancel__Output as _blockpruner_v1_Cancel__Output } from '../../blockpruner/v1/Cancel.ts';
import type { Drain as _blockpruner_v1_Drain, Drain__Output as _blockpruner_v1_Drain__Output } from '../../blockpruner/v1/Drain.ts';
import type { Finished as _blockpruner_v1_Finished, Finished__Output as _blockpruner_v1_Finished__Output } from '../../blockpruner/v1/Finished.ts';
import type { Refused as _blockpruner_v1_Refused, Refused__Output as _blockpruner_v1_Refused__Output } from '../../blockpruner/v1/Refused.ts';

export interface CoordinatorMessage {
  'welcome'?: (_blockpruner_v1_Welcome | null);
  'assign'?: (_blockpruner_v1_Assign | null);
  'cancel'?: (_blockpruner_v1_Cancel | null);
  'drain'?: (_blockpruner_v1_Drain | null);
  'finished'?: (_blockpruner_v1_Finished | null);
  'refused'?: (_blockpruner_v1_Refused | null);
  'kind'?: "welcome"|"assign"|"cancel"|"drain"|"finished"|"refused";
}

export interface CoordinatorMessage__Output {
  'welcome'?: (_blockpruner_v1_Welcome__Output | null);
  'assign'?: (_blockpruner_v1_Assign__Output | null);
  'cancel'?: (_blockpruner_v1_Cancel__Output | null);
  'drain'?: (_blockpruner_v1_Drain__Output | null);
  'finished'?: (_blockpruner_v1_Finished__Output | null);
  'refused'?: (_blockpruner_v1_Refused__Output | null);
  'kind'?: "welcome"|"assign"|"cancel"|"drain"|"finished"|"refused";
}
