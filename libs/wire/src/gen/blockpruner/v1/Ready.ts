// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { ShapePlan as _blockpruner_v1_ShapePlan, ShapePlan__Output as _blockpruner_v1_ShapePlan__Output } from '../../blockpruner/v1/ShapePlan.ts';

export interface Ready {
  'modelFingerprint'?: (string);
  'shapePlan'?: (_blockpruner_v1_ShapePlan | null);
  'peakFlopsPerSecond'?: (number | string);
}

export interface Ready__Output {
  'modelFingerprint': (string);
  'shapePlan': (_blockpruner_v1_ShapePlan__Output | null);
  'peakFlopsPerSecond': (number);
}
