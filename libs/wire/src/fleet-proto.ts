import type { ServiceDefinition } from '@grpc/proto-loader';
import type {
  CoordinatorMessage,
  CoordinatorMessage__Output,
} from './gen/blockpruner/v1/CoordinatorMessage.ts';
import type { WorkerMessage, WorkerMessage__Output } from './gen/blockpruner/v1/WorkerMessage.ts';
import { AS_BYTES, loadProto, messageType } from './proto-file.ts';

const definitions = loadProto('blockpruner/v1/fleet.proto');

export const workerMessageType = messageType<WorkerMessage, WorkerMessage__Output>(
  definitions,
  'WorkerMessage',
);
export const coordinatorMessageType = messageType<CoordinatorMessage, CoordinatorMessage__Output>(
  definitions,
  'CoordinatorMessage',
);

/** The service as gRPC sees it. */
export const FLEET_SERVICE = {
  Work: {
    path: (definitions['blockpruner.v1.Fleet'] as ServiceDefinition).Work.path,
    requestStream: true,
    responseStream: true,
    ...AS_BYTES,
  },
} as const;
