// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { ModelSource as _blockpruner_v1_ModelSource, ModelSource__Output as _blockpruner_v1_ModelSource__Output } from '../../blockpruner/v1/ModelSource.ts';
import type { ShapePlan as _blockpruner_v1_ShapePlan, ShapePlan__Output as _blockpruner_v1_ShapePlan__Output } from '../../blockpruner/v1/ShapePlan.ts';
import type { ArtifactAddress as _blockpruner_v1_ArtifactAddress, ArtifactAddress__Output as _blockpruner_v1_ArtifactAddress__Output } from '../../blockpruner/v1/ArtifactAddress.ts';

export interface Welcome {
  'protocol'?: (number);
  'runId'?: (string);
  'model'?: (_blockpruner_v1_ModelSource | null);
  'heartbeatMs'?: (number);
  'shapePlan'?: (_blockpruner_v1_ShapePlan | null);
  'longestRowTokens'?: (number);
  'microBatchRows'?: (number);
  'artifacts'?: (_blockpruner_v1_ArtifactAddress | null);
  '_microBatchRows'?: "microBatchRows";
}

export interface Welcome__Output {
  'protocol': (number);
  'runId': (string);
  'model': (_blockpruner_v1_ModelSource__Output | null);
  'heartbeatMs': (number);
  'shapePlan': (_blockpruner_v1_ShapePlan__Output | null);
  'longestRowTokens': (number);
  'microBatchRows'?: (number);
  'artifacts': (_blockpruner_v1_ArtifactAddress__Output | null);
  '_microBatchRows'?: "microBatchRows";
}
