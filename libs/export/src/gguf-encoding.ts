import { ggufTypeNumber, type GgufValue } from '@blockpruner/checkpoint';
import { placeTensors, type PlannedTensor } from './planned-tensor.ts';

/** A tensor of a GGUF, with the name of its type. */
export interface GgufOutput extends PlannedTensor {
  readonly typeName: string;
}

/** Of what the data of each tensor starts at a multiple of; what readers take where a file does not say. */
export const GGUF_ALIGNMENT_BYTES = 32;

const VERSION = 3;
const ARRAY = 9;
const TYPES = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 } as const;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function list(type: keyof typeof TYPES, length: number, content: Uint8Array): Buffer {
  return Buffer.concat([uint32(ARRAY), uint32(TYPES[type]), uint64(length), content]);
}

function valueBytes(given: GgufValue): Buffer {
  switch (given.type) {
    case 'uint32':
      return Buffer.concat([uint32(TYPES.uint32), uint32(given.value)]);
    case 'int32':
      return Buffer.concat([uint32(TYPES.int32), uint32(given.value >>> 0)]);
    case 'float32':
      return Buffer.concat([uint32(TYPES.float32), floats([given.value])]);
    case 'bool':
      return Buffer.concat([uint32(TYPES.bool), Buffer.of(given.value ? 1 : 0)]);
    case 'string':
      return Buffer.concat([uint32(TYPES.string), text(given.value)]);
    case 'strings':
      return list('string', given.value.length, Buffer.concat(given.value.map(text)));
    case 'int32s':
      return list('int32', given.value.length, Buffer.from(Int32Array.from(given.value).buffer));
    case 'float32s':
      return list('float32', given.value.length, floats(given.value));
  }
}

function floats(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** An entry of the metadata. */
export function encodeEntry(key: string, value: GgufValue): Buffer {
  return Buffer.concat([text(key), valueBytes(value)]);
}

/** What is in front of the data of the tensors, which starts where it ends. */
export function encodeGgufHeader(entries: readonly Uint8Array[], tensors: readonly GgufOutput[]): Buffer {
  const { offsets } = placeTensors(tensors, GGUF_ALIGNMENT_BYTES);
  const descriptions = tensors.map(({ name, shape, typeName }, i) =>
    Buffer.concat([
      text(name),
      uint32(shape.length),
      // The file has the innermost dimension first.
      ...[...shape].reverse().map(uint64),
      uint32(ggufTypeNumber(typeName)),
      uint64(offsets[i]),
    ]),
  );
  const counts = [uint32(VERSION), uint64(tensors.length), uint64(entries.length)];
  const header = Buffer.concat([Buffer.from('GGUF'), ...counts, ...entries, ...descriptions]);
  const padding = -header.length & (GGUF_ALIGNMENT_BYTES - 1);
  return Buffer.concat([header, Buffer.alloc(padding)]);
}
