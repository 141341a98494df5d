import type { TensorLocation } from './checkpoint.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { decodeFloats, dtypeBytes, type Dtype } from './dtype.ts';
import { readRange } from './file-bytes.ts';
import type { StoredTensor, WeightFiles } from './weight-shards.ts';

const CHUNK_BYTES = 4 * 2 ** 20;

const FLOAT_DTYPES: Readonly<Record<string, Dtype>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** The part of a tensor's location that its values are read by. */
type FloatRange = Pick<TensorLocation, 'file' | 'offsetBytes' | 'lengthBytes' | 'dtype'>;

/** The dtype of a tensor that holds plain floats, else null. */
export function floatDtype({ dtype }: StoredTensor): Dtype | null {
  return Object.hasOwn(FLOAT_DTYPES, dtype) ? FLOAT_DTYPES[dtype] : null;
}

/** @throws CheckpointError when no file holds the tensor */
export function requireTensor({ source, tensors }: WeightFiles, name: string): StoredTensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    throw new CheckpointError('missing-tensor', `${source}: tensor ${name} is missing`);
  }
  return tensor;
}

/**
 * @param dtypes the format's names of those that can be used
 * @throws CheckpointError `unsupported` when the dtype is another
 */
export function requireDtype(name: string, { dtype, file }: StoredTensor, dtypes: readonly string[]): void {
  if (dtypes.includes(dtype)) return;
  throw new CheckpointError(
    'unsupported',
    `${file}: tensor ${name} has dtype ${dtype.slice(0, 20)}: supported are ${dtypes.join(', ')}`,
  );
}

/**
 * @param reason what calls for the shape
 * @throws CheckpointError `wrong-shape` when it is another
 */
export function requireShape(
  name: string,
  tensor: StoredTensor,
  shape: readonly number[],
  reason: string,
): void {
  if (tensor.shape.join() === shape.join()) return;
  throw new CheckpointError(
    'wrong-shape',
    `${tensor.file}: ${name} has shape [${tensor.shape.join(', ')}], ${reason} says [${shape.join(', ')}]`,
  );
}

/**
 * Finds a tensor of plain floats.
 * @param shape what config.json calls for
 * @throws CheckpointError when it is missing, of another dtype or of another shape
 */
export function locateFloats(weights: WeightFiles, name: string, shape: readonly number[]): TensorLocation {
  const tensor = requireTensor(weights, name);
  requireDtype(name, tensor, Object.keys(FLOAT_DTYPES));
  requireShape(name, tensor, shape, 'config.json');
  const { file, lengthBytes, offsetBytes } = tensor;
  return { name, file, offsetBytes, lengthBytes, dtype: floatDtype(tensor)!, shape };
}

/** The values of a tensor as float32, in chunks of a few MiB. */
export async function* readFloats(tensor: FloatRange): AsyncGenerator<Float32Array> {
  const chunkBytes = (CHUNK_BYTES / 4) * dtypeBytes(tensor.dtype);
  for (let start = 0; start < tensor.lengthBytes; start += chunkBytes) {
    const lengthBytes = Math.min(chunkBytes, tensor.lengthBytes - start);
    yield decodeFloats(tensor.dtype, await readRange(tensor.file, tensor.offsetBytes + start, lengthBytes));
  }
}

/** Elements `first` up to `first + count` of a tensor of plain floats, as float32. */
export async function readFloatRange(
  { dtype, file, offsetBytes }: FloatRange,
  first: number,
  count: number,
): Promise<Float32Array> {
  const size = dtypeBytes(dtype);
  return decodeFloats(dtype, await readRange(file, offsetBytes + first * size, count * size));
}
