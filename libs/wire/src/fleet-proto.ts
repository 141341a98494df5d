import { fileURLToPath } from 'node:url';
import { loadSync, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import type {
  CoordinatorMessage,
  CoordinatorMessage__Output,
} from './gen/blockpruner/v1/CoordinatorMessage.ts';
import type { WorkerMessage, WorkerMessage__Output } from './gen/blockpruner/v1/WorkerMessage.ts';
import { LOAD_OPTIONS } from './load-options.ts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

const definitions = loadSync('blockpruner/v1/fleet.proto', {
  ...LOAD_OPTIONS,
  includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))],
});

/** Proto object ↔ bytes; no field is checked yet. */
interface MessageType<In, Out> {
  serialize(message: In): Buffer;
  /** @throws WireError when the bytes are not such a message */
  parse(bytes: Buffer): Out;
}

function messageType<In extends object, Out extends object>(name: string): MessageType<In, Out> {
  const definition: object = definitions[`blockpruner.v1.${name}`];
  const { serialize, deserialize } = definition as MessageTypeDefinition<In, Out>;
  return {
    serialize,
    parse(bytes) {
      try {
        return deserialize(bytes);
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        throw new WireError('bad-message', cutReason(`the message is not a ${name}: ${detail}`), {
          cause: error,
        });
      }
    },
  };
}

export const workerMessageType = messageType<WorkerMessage, WorkerMessage__Output>('WorkerMessage');
export const coordinatorMessageType = messageType<CoordinatorMessage, CoordinatorMessage__Output>(
  'CoordinatorMessage',
);

const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * The service as gRPC sees it. Messages pass through as bytes: a parser that throws inside gRPC ends the
 * stream with INTERNAL, and ours must say which field was wrong.
 */
export const FLEET_SERVICE = {
  Work: {
    path: (definitions['blockpruner.v1.Fleet'] as ServiceDefinition).Work.path,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
} as const;
