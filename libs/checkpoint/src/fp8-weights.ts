import { CheckpointError } from './checkpoint-error.ts';
import { readRange } from './file-bytes.ts';
import { floatDtype, readFloatRange, requireDtype, requireTensor } from './float-tensor.ts';
import { elementCount } from './tensor-layout.ts';
import type { StoredTensor, WeightFiles } from './weight-shards.ts';

const CHUNK_BYTES = 2 ** 20;
/** Scales that values are multiplied by: of transformers and DeepSeek, and of compressed-tensors and AutoFP8. */
const SCALE_SUFFIXES = ['weight_scale_inv', 'weight_scale'];
/** A scale for each row of the largest matrix, or for each block of it. */
const MAX_SCALES = 2 ** 24;

/** The value of each of the 256 patterns of e4m3fn (Micikevicius et al. 2022, arXiv 2209.05433): no infinity, two NaN. */
const VALUES = Float32Array.from({ length: 256 }, (_, bits) => {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 15;
  const fraction = bits & 7;
  if ((bits & 0x7f) === 0x7f) return NaN;
  return exponent === 0 ? sign * fraction * 2 ** -9 : sign * (8 + fraction) * 2 ** (exponent - 10);
});

/** A matrix of e4m3 values and the scales that they are multiplied by. */
export interface Fp8Weight {
  readonly weight: StoredTensor;
  readonly scale: StoredTensor;
  /** Rows and columns that share a scale. */
  readonly block: readonly number[];
}

function scaleNames({ tensors }: WeightFiles, name: string): string[] {
  return SCALE_SUFFIXES.map((suffix) => name.replace(/weight$/, suffix)).filter((scale) =>
    tensors.has(scale),
  );
}

/**
 * Finds an e4m3 matrix with its scales.
 * @param name `….weight`
 * @param shape `[out, in]`
 * @returns null when the matrix is stored as plain floats
 * @throws CheckpointError when the scales are missing, do not fit the blocks, or belong to no e4m3 matrix
 */
export function locateFp8(
  weights: WeightFiles,
  name: string,
  shape: readonly number[],
  given: readonly number[] | null,
): Fp8Weight | null {
  const weight = requireTensor(weights, name);
  const [scaleName = `${name}_scale_inv`, second] = scaleNames(weights, name);
  const isFloat = floatDtype(weight) !== null;
  if (isFloat && !weights.tensors.has(scaleName)) return null;
  if (isFloat || second !== undefined) {
    const problem = isFloat
      ? `is ${weight.dtype}, which takes no ${scaleName}`
      : `has both ${scaleName} and ${second}`;
    throw new CheckpointError('unsupported', `${weight.file}: ${name} ${problem}: fetch the model again`);
  }
  requireDtype(name, weight, ['F8_E4M3', 'F32', 'F16', 'BF16']);
  const scale = requireTensor(weights, scaleName);
  requireDtype(scaleName, scale, ['F32', 'F16', 'BF16']);
  const [rows, columns] = shape;
  const count = elementCount(scale.shape);
  const block = given ?? (count === 1 ? [rows, columns] : [1, columns]);
  const grid = [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])];
  // One scale, or one a row, comes as a matrix or without its dimensions of 1.
  const isGrid =
    scale.shape.join() === grid.join() || (grid[1] === 1 && scale.shape.join() === String(grid[0]));
  const fits = isGrid || (scale.shape.length === 0 && elementCount(grid) === 1);
  if (weight.shape.join() !== shape.join() || !fits || count > MAX_SCALES) {
    throw new CheckpointError(
      'wrong-shape',
      `${scale.file}: ${scaleName} has shape [${scale.shape.join(', ')}], but ${name} [${weight.shape.join(', ')}], by config.json [${shape.join(', ')}], in blocks of ${block.join(' x ')} takes [${grid.join(', ')}], of at most ${MAX_SCALES}`,
    );
  }
  return { weight, scale, block };
}

/** Decodes in chunks of rows: e4m3 times scale, rounded to float32 once, as transformers does before its own cast. */
export async function* decodeFp8({ weight, scale, block }: Fp8Weight): AsyncGenerator<Float32Array> {
  const [rows, columns] = weight.shape;
  const scales = await readFloatRange({ ...scale, dtype: floatDtype(scale)! }, 0, elementCount(scale.shape));
  const [blockRows, blockColumns] = block;
  const scalesOfRow = Math.ceil(columns / blockColumns);
  const rowsAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / columns));
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const bytes = await readRange(weight.file, weight.offsetBytes + row * columns, count * columns);
    const out = new Float32Array(count * columns);
    for (let r = 0, i = 0; r < count; r++) {
      const firstScale = Math.floor((row + r) / blockRows) * scalesOfRow;
      for (let block = 0; block < scalesOfRow; block++) {
        const scaleOfBlock = scales[firstScale + block];
        const end = r * columns + Math.min((block + 1) * blockColumns, columns);
        for (; i < end; i++) out[i] = VALUES[bytes[i]] * scaleOfBlock;
      }
    }
    yield out;
  }
}
