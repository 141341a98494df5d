import { open, rename, rm } from 'node:fs/promises';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { dtypeBytes, type Dtype } from './dtype.ts';
import { elementCount } from './tensor-layout.ts';

export interface TensorDescription {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface TensorBytes extends TensorDescription {
  /** Row-major, little-endian. */
  readonly data: Uint8Array;
}

const FORMAT_NAMES: Readonly<Record<Dtype, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

export function tensorBytes({ dtype, shape }: TensorDescription): number {
  return elementCount(shape) * dtypeBytes(dtype);
}

/**
 * The bytes that precede the data of a safetensors file: length, then header, padded to 8 bytes. The data of the
 * tensors follows in the order given, without gaps.
 * @throws CheckpointError when a name is given twice
 */
export function encodeSafetensorsHeader(tensors: readonly TensorDescription[]): Buffer {
  const entries = new Map<string, unknown>([['__metadata__', { format: 'pt' }]]);
  let offset = 0;
  for (const tensor of tensors) {
    if (entries.has(tensor.name))
      throw new CheckpointError('malformed', `tensor ${tensor.name} is given twice`);
    const end = offset + tensorBytes(tensor);
    const { name, dtype, shape } = tensor;
    entries.set(name, { dtype: FORMAT_NAMES[dtype], shape, data_offsets: [offset, end] });
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const bytes = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  bytes.writeBigUInt64LE(BigInt(bytes.length - 8));
  json.copy(bytes, 8);
  return bytes;
}

/**
 * Writes a safetensors file, replacing one that exists.
 * @throws CheckpointError when a tensor's data does not fit its shape, or the file cannot be written
 */
export async function writeSafetensors(file: string, tensors: readonly TensorBytes[]): Promise<void> {
  for (const tensor of tensors) {
    if (tensor.data.length !== tensorBytes(tensor)) {
      throw new CheckpointError(
        'wrong-shape',
        `${file}: tensor ${tensor.name} is given ${tensor.data.length} bytes, but ` +
          `${tensor.dtype} [${tensor.shape.join(', ')}] takes ${tensorBytes(tensor)}`,
      );
    }
  }
  const header = encodeSafetensorsHeader(tensors);
  const incomplete = `${file}.incomplete`;
  try {
    const handle = await open(incomplete, 'w');
    try {
      await handle.writeFile(header);
      for (const { data } of tensors) await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(incomplete, file);
  } catch (error) {
    await rm(incomplete, { force: true }).catch(() => undefined);
    throw fromFileSystem(error, file);
  }
}
