import type { PlannedFile } from './planned-file.ts';

/** A tensor of an export: any run of its rows can be made on its own. */
export interface PlannedTensor {
  /** In the format that is written. */
  readonly name: string;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  /** Of all elements but those of the first dimension; a vector is one row. */
  readonly rowCount: number;
  readonly rowBytes: number;
  /** `count` rows from `first` on, as they are written. */
  readRows(first: number, count: number): Promise<Uint8Array>;
}

const CHUNK_BYTES = 4 * 2 ** 20;

/** Of the whole tensor as it is written, without what aligns the next one. */
export function tensorBytes({ rowCount, rowBytes }: Pick<PlannedTensor, 'rowCount' | 'rowBytes'>): number {
  return rowCount * rowBytes;
}

/** Where each tensor starts behind the header, and where all end: at multiples of `alignmentBytes`. */
export function placeTensors(
  tensors: readonly Pick<PlannedTensor, 'rowCount' | 'rowBytes'>[],
  alignmentBytes: number,
): { offsets: number[]; endBytes: number } {
  const offsets: number[] = [];
  let end = 0;
  for (const tensor of tensors) {
    offsets.push(end);
    end = Math.ceil((end + tensorBytes(tensor)) / alignmentBytes) * alignmentBytes;
  }
  return { offsets, endBytes: end };
}

/**
 * A file of a header and the tensors behind it, with zeros behind each up to where the next one is aligned.
 * @param header ends where the data of the tensors starts
 */
export function tensorFile(
  name: string,
  header: Uint8Array,
  tensors: readonly PlannedTensor[],
  alignmentBytes: number,
): PlannedFile {
  const { offsets, endBytes } = placeTensors(tensors, alignmentBytes);
  return {
    name,
    sizeBytes: header.length + endBytes,
    async *read(offsetBytes) {
      if (offsetBytes < header.length) yield header.subarray(offsetBytes);
      let position = Math.max(0, offsetBytes - header.length);
      for (const [i, tensor] of tensors.entries()) {
        if (position < offsets[i]) {
          yield new Uint8Array(offsets[i] - position);
          position = offsets[i];
        }
        for await (const chunk of readTensor(tensor, position - offsets[i])) {
          yield chunk;
          position += chunk.length;
        }
      }
      if (position < endBytes) yield new Uint8Array(endBytes - position);
    },
  };
}

/** The bytes of a tensor from `offsetBytes` on; none where it ends before. */
async function* readTensor(tensor: PlannedTensor, offsetBytes: number): AsyncGenerator<Uint8Array> {
  const { rowCount, rowBytes } = tensor;
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  let row = Math.floor(offsetBytes / rowBytes);
  let skipped = offsetBytes - row * rowBytes;
  while (row < rowCount) {
    const count = Math.min(rowsPerChunk, rowCount - row);
    const bytes = await tensor.readRows(row, count);
    yield bytes.subarray(skipped);
    skipped = 0;
    row += count;
  }
}
