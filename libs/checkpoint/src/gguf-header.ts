import { CheckpointError } from './checkpoint-error.ts';
import { integerField } from './field.ts';
import { withFile } from './file-bytes.ts';
import { GGUF_TENSOR_TYPES, ggufTypeName, type GgufTensorType } from './gguf-blocks.ts';
import { GgufCursor } from './gguf-cursor.ts';
import { readMetadata, type GgufEntry } from './gguf-metadata.ts';

/** The deepest models have some thousand tensors. */
export const MAX_TENSORS = 65536;
const MAX_DIMENSIONS = 4;
const MAX_DIMENSION = 2 ** 32;
/** A TiB of float32, so that every size in bytes is an exact integer. */
const MAX_ELEMENTS = 2 ** 38;
const DEFAULT_ALIGNMENT = 32;
const ALIGNMENTS = { min: 1, max: 2 ** 20 };

export interface GgufTensor {
  readonly name: string;
  readonly file: string;
  readonly type: GgufTensorType;
  /** Outermost dimension first, as in Hugging Face files; the file itself has them in reverse. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** One GGUF file: a model, or one part of it. */
export interface GgufFile {
  readonly file: string;
  readonly sizeBytes: number;
  /** Where the tensor data starts. */
  readonly headerBytes: number;
  /** Numbers, booleans, strings and lists of strings or numbers. Lists that nothing here reads are left empty. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Where each of them is in the file. */
  readonly entries: ReadonlyMap<string, GgufEntry>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

type UnplacedTensor = Omit<GgufTensor, 'file' | 'offsetBytes'> & { readonly dataOffset: number };

function readTensor(cursor: GgufCursor): UnplacedTensor {
  const name = cursor.name('a tensor name');
  const what = `tensor ${name}`;
  const rank = cursor.u32(what);
  if (rank < 1 || rank > MAX_DIMENSIONS)
    throw cursor.malformed(`${what} has ${rank} dimensions: expected 1 to ${MAX_DIMENSIONS}`);
  const dimensions = Array.from({ length: rank }, () => cursor.u64(what));
  const elements = dimensions.reduce((product, dimension) => product * dimension, 1);
  if (dimensions.some((dimension) => dimension < 1 || dimension > MAX_DIMENSION) || elements > MAX_ELEMENTS) {
    throw cursor.malformed(
      `${what} has dimensions [${dimensions.join(', ')}]: expected 1 to ${MAX_DIMENSION} each and at most ${MAX_ELEMENTS} elements`,
    );
  }
  const typeNumber = cursor.u32(what);
  const type = GGUF_TENSOR_TYPES.get(typeNumber);
  if (type === undefined) {
    const supported = [...GGUF_TENSOR_TYPES.values()].map((known) => known.name).join(', ');
    throw new CheckpointError(
      'unsupported',
      `${cursor.file}: ${what} has the type ${ggufTypeName(typeNumber)}: supported are ${supported}: fetch a file of one of them`,
    );
  }
  if (dimensions[0] % type.elements !== 0) {
    throw cursor.malformed(
      `${what} has rows of ${dimensions[0]}, not a multiple of the ${type.elements} of a ${type.name} block`,
    );
  }
  const lengthBytes = (elements / type.elements) * type.bytes;
  return { name, type, shape: dimensions.reverse(), lengthBytes, dataOffset: cursor.u64(what) };
}

function placeTensors(
  cursor: GgufCursor,
  found: readonly UnplacedTensor[],
  headerBytes: number,
  alignment: number,
) {
  const tensors = new Map<string, GgufTensor>();
  for (const { dataOffset, ...tensor } of found) {
    const offsetBytes = headerBytes + dataOffset;
    const end = offsetBytes + tensor.lengthBytes;
    if (dataOffset % alignment !== 0)
      throw cursor.malformed(`tensor ${tensor.name} starts at ${dataOffset}, not a multiple of ${alignment}`);
    if (end > cursor.sizeBytes) {
      throw new CheckpointError(
        'truncated',
        `${cursor.file}: tensor ${tensor.name} ends at byte ${end}, but the file has only ${cursor.sizeBytes}: it was cut off, fetch it again`,
      );
    }
    if (tensors.has(tensor.name)) throw cursor.malformed(`tensor ${tensor.name} is there twice`);
    tensors.set(tensor.name, { ...tensor, file: cursor.file, offsetBytes });
  }
  const ordered = [...tensors.values()].sort((a, b) => a.offsetBytes - b.offsetBytes);
  ordered.forEach((tensor, i) => {
    const before = ordered[i - 1];
    if (i > 0 && tensor.offsetBytes < before.offsetBytes + before.lengthBytes) {
      throw cursor.malformed(
        `tensors ${before.name} and ${tensor.name} overlap at byte ${tensor.offsetBytes}`,
      );
    }
  });
  return tensors;
}

function parse(cursor: GgufCursor): GgufFile {
  const { file, sizeBytes } = cursor;
  if (cursor.take(4, 'the magic number').toString('latin1') !== 'GGUF')
    throw cursor.malformed('is not a GGUF: it does not start with "GGUF"');
  const version = cursor.u32('the version');
  if (version !== 2 && version !== 3) {
    const reason = version % 65536 === 0 ? 'big-endian GGUF' : `GGUF version ${version}`;
    throw new CheckpointError(
      'unsupported',
      `${file}: ${reason} is not supported: little-endian versions 2 and 3 are`,
    );
  }
  const tensorCount = cursor.u64('the tensor count');
  if (tensorCount > MAX_TENSORS)
    throw cursor.malformed(`the tensor count is ${tensorCount}, the limit is ${MAX_TENSORS}`);
  const { values: metadata, entries } = readMetadata(cursor, cursor.u64('the metadata count'));
  const found = Array.from({ length: tensorCount }, () => readTensor(cursor));

  const alignment = integerField(
    { file, values: metadata },
    'general.alignment',
    ALIGNMENTS,
    DEFAULT_ALIGNMENT,
  );
  const headerBytes = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = placeTensors(cursor, found, headerBytes, alignment);
  return { file, sizeBytes, headerBytes: Math.min(headerBytes, sizeBytes), metadata, entries, tensors };
}

/**
 * Reads and checks the header of a GGUF file, versions 2 and 3; no tensor data is read.
 * @throws CheckpointError on a file that is truncated, contradicts itself or exceeds a limit, and on a tensor type
 * that cannot be decoded
 */
export function readGgufHeader(file: string): Promise<GgufFile> {
  return withFile(file, (handle, sizeBytes) =>
    Promise.resolve(parse(new GgufCursor(handle.fd, file, sizeBytes))),
  );
}
