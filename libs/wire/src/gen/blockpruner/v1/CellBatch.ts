// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { Cell as _blockpruner_v1_Cell, Cell__Output as _blockpruner_v1_Cell__Output } from '../../blockpruner/v1/Cell.ts';

export interface CellBatch {
  'taskId'?: (string);
  'cells'?: (_blockpruner_v1_Cell)[];
}

export interface CellBatch__Output {
  'taskId': (string);
  'cells': (_blockpruner_v1_Cell__Output)[];
}
