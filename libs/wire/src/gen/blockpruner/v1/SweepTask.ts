// Original file: ../../proto/blockpruner/v1/sweep.proto

import type { Row as _blockpruner_v1_Row, Row__Output as _blockpruner_v1_Row__Output } from '../../blockpruner/v1/Row.ts';
import type { ShapePlan as _blockpruner_v1_ShapePlan, ShapePlan__Output as _blockpruner_v1_ShapePlan__Output } from '../../blockpruner/v1/ShapePlan.ts';

export interface SweepTask {
  'taskId'?: (string);
  'base'?: (number)[];
  'candidates'?: (number)[];
  'baseline'?: (boolean);
  'rows'?: (_blockpruner_v1_Row)[];
  'plan'?: (_blockpruner_v1_ShapePlan | null);
  'wholeLayers'?: (boolean);
  'inFp32'?: (boolean);
}

export interface SweepTask__Output {
  'taskId': (string);
  'base': (number)[];
  'candidates': (number)[];
  'baseline': (boolean);
  'rows': (_blockpruner_v1_Row__Output)[];
  'plan': (_blockpruner_v1_ShapePlan__Output | null);
  'wholeLayers': (boolean);
  'inFp32': (boolean);
}
