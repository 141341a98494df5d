import { fileURLToPath } from 'node:url';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { LOAD_OPTIONS } from './load-options.ts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/** Reads a file of `proto/`. */
export function loadProto(path: string): PackageDefinition {
  return loadSync(path, {
    ...LOAD_OPTIONS,
    includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))],
  });
}

/** Proto object ↔ bytes; no field is checked yet. */
export interface MessageType<In, Out> {
  serialize(message: In): Buffer;
  /** @throws WireError when the bytes are not such a message */
  parse(bytes: Buffer): Out;
}

export function messageType<In extends object, Out extends object>(
  definitions: PackageDefinition,
  name: string,
): MessageType<In, Out> {
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

const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * Has messages pass through gRPC as bytes: a parser that throws inside gRPC ends the stream with INTERNAL, and ours
 * must say which field was wrong.
 */
export const AS_BYTES = {
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const;
