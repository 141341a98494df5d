// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { CoordinatorMessage as _blockpruner_v1_CoordinatorMessage, CoordinatorMessage__Output as _blockpruner_v1_CoordinatorMessage__Output } from '../../blockpruner/v1/CoordinatorMessage.ts';
import type { WorkerMessage as _blockpruner_v1_WorkerMessage, WorkerMessage__Output as _blockpruner_v1_WorkerMessage__Output } from '../../blockpruner/v1/WorkerMessage.ts';

export interface FleetDefinition {
  Work: MethodDefinition<_blockpruner_v1_WorkerMessage, _blockpruner_v1_CoordinatorMessage, _blockpruner_v1_WorkerMessage__Output, _blockpruner_v1_CoordinatorMessage__Output>
}
