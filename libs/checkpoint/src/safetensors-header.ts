import { realpath } from 'node:fs/promises';
import { CheckpointError } from './checkpoint-error.ts';
import { parseJsonObject, readInto, withFile } from './file-bytes.ts';

/** The limit of the format's own library. */
const MAX_HEADER_BYTES = 100_000_000;

const LENGTH_PREFIX_BYTES = 8;

/** Element sizes of the format's byte-sized dtypes; what else appears is not used by any supported model. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  ...{ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2 },
  ...{ F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1, I8: 1, U8: 1, BOOL: 1 },
};

/** A tensor as the header describes it. */
export interface SafetensorsEntry {
  /** The format's name, e.g. `BF16`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface SafetensorsFile {
  /** Absolute, with symbolic links resolved. */
  readonly file: string;
  readonly sizeBytes: number;
  /** Length of the prefix and the header: where the data starts. */
  readonly headerBytes: number;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
}

/** Four times the rank of any weight; an error prints the whole shape. */
const MAX_RANK = 16;
const MAX_SHOWN_NAME_LENGTH = 120;

function isSizeList(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_RANK &&
    value.every((entry) => Number.isSafeInteger(entry) && (entry as number) >= 0)
  );
}

function readEntry(value: unknown, what: string, headerBytes: number, sizeBytes: number): SafetensorsEntry {
  const malformed = (reason: string) => new CheckpointError('malformed', `${what} ${reason}`);
  if (typeof value !== 'object' || value === null) throw malformed('is not an object');
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== 'string') throw malformed('has no dtype');
  if (!isSizeList(shape)) throw malformed('has a shape that is not a list of sizes');
  if (!isSizeList(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw malformed('has data_offsets that are not [begin, end]');
  }
  const [begin, end] = offsets;
  if (headerBytes + end > sizeBytes) {
    const available = sizeBytes - headerBytes;
    throw new CheckpointError(
      'truncated',
      `${what} ends at byte ${end} of the data, but the file has only ${available}: it was cut off, fetch it again`,
    );
  }
  const elementBytes = Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : null;
  // A product beyond 2^53 is inexact but still larger than any file, so it cannot pass for the length.
  const expected =
    elementBytes === null ? null : shape.reduce((product, size) => product * size, elementBytes);
  if (expected !== null && expected !== end - begin) {
    throw malformed(`has ${end - begin} bytes, but ${dtype} [${shape.join(', ')}] takes ${expected}`);
  }
  return { dtype, shape, offsetBytes: headerBytes + begin, lengthBytes: end - begin };
}

function checkOverlaps(tensors: ReadonlyMap<string, SafetensorsEntry>, path: string): void {
  const ordered = [...tensors].filter(([, entry]) => entry.lengthBytes > 0);
  ordered.sort(([, a], [, b]) => a.offsetBytes - b.offsetBytes);
  for (let i = 1; i < ordered.length; i++) {
    const [before, { offsetBytes, lengthBytes }] = ordered[i - 1];
    const [name, entry] = ordered[i];
    if (entry.offsetBytes < offsetBytes + lengthBytes) {
      throw new CheckpointError(
        'malformed',
        `${path}: tensors ${before} and ${name} overlap at byte ${entry.offsetBytes}`,
      );
    }
  }
}

/**
 * Reads and checks the header of a safetensors file: its data is not read.
 * @throws CheckpointError `truncated` when the file is shorter than its header says, `malformed` when the header
 * contradicts itself
 */
export function readSafetensorsHeader(path: string): Promise<SafetensorsFile> {
  return withFile(path, async (handle, sizeBytes) => {
    const prefix = Buffer.alloc(LENGTH_PREFIX_BYTES);
    await readInto(handle, path, prefix, 0);
    const length = Number(prefix.readBigUInt64LE());
    if (length > MAX_HEADER_BYTES) {
      throw new CheckpointError(
        'malformed',
        `${path}: is not safetensors: a header of ${length} bytes, the limit is ${MAX_HEADER_BYTES}`,
      );
    }
    if (LENGTH_PREFIX_BYTES + length > sizeBytes) {
      throw new CheckpointError(
        'truncated',
        `${path}: has ${sizeBytes} bytes, but its header alone has ${length}`,
      );
    }
    const header = Buffer.alloc(length);
    await readInto(handle, path, header, LENGTH_PREFIX_BYTES);
    const entries = parseJsonObject(header, `${path}: header`);
    const headerBytes = LENGTH_PREFIX_BYTES + length;
    const tensors = new Map<string, SafetensorsEntry>();
    for (const [name, value] of Object.entries(entries)) {
      if (name === '__metadata__') continue;
      tensors.set(
        name,
        readEntry(value, `${path}: tensor ${name.slice(0, MAX_SHOWN_NAME_LENGTH)}`, headerBytes, sizeBytes),
      );
    }
    checkOverlaps(tensors, path);
    return { file: await realpath(path), sizeBytes, headerBytes, tensors };
  });
}
