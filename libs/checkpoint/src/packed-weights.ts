import { CheckpointError } from './checkpoint-error.ts';
import { readRange } from './file-bytes.ts';
import { floatDtype, readFloatRange, requireDtype, requireShape, requireTensor } from './float-tensor.ts';
import type { Quantization } from './quantization-config.ts';
import { elementCount } from './tensor-layout.ts';
import type { StoredTensor, WeightFiles } from './weight-shards.ts';

/** 4-bit values in a 32-bit word. */
const PACKED = 8;
const CHUNK_ELEMENTS = 2 ** 20;
/** Twice that of the largest published vocabulary; it is in memory while it is decoded. */
const MAX_PACKED_BYTES = 2 ** 31;
/** Where AWQ's gemm kernel has the value of each of eight columns, in nibbles from the lowest. */
const AWQ_NIBBLES = [0, 4, 1, 5, 2, 6, 3, 7];

type PackedQuantization = Extract<Quantization, { method: 'gptq' | 'awq' }>;

/** A matrix `[out, in]` whose 4-bit values are packed eight to a word. */
export interface PackedWeight {
  readonly method: 'gptq' | 'awq';
  readonly outputs: number;
  readonly inputs: number;
  /** Inputs that share a scale and a zero, where `groups` does not say which. */
  readonly groupSize: number;
  readonly zeroOffset: 0 | 1;
  /** GPTQ `[in/8, out]`, AWQ `[in, out/8]` */
  readonly values: StoredTensor;
  /** `[groups, out/8]` */
  readonly zeros: StoredTensor;
  /** `[groups, out]` */
  readonly scales: StoredTensor;
  /** GPTQ's group of each input, `[in]`; null: in order. */
  readonly groups: StoredTensor | null;
}

/** Whether the matrix is packed: `….qweight` stands in for `….weight`. */
export function isPackedWeight({ tensors }: WeightFiles, name: string): boolean {
  return tensors.has(nameOf(name, 'qweight'));
}

function nameOf(weightName: string, part: string): string {
  return weightName.replace(/\.weight$/, `.${part}`);
}

/**
 * Finds the tensors of a packed matrix.
 * @param name `….weight`
 * @param shape `[out, in]`
 * @throws CheckpointError when one is missing, or of another dtype or shape
 */
export function locatePacked(
  weights: WeightFiles,
  name: string,
  shape: readonly number[],
  { method, groupSize: given, zeroOffset }: PackedQuantization,
): PackedWeight {
  const [outputs, inputs] = shape;
  const groupSize = given ?? inputs;
  const packedSide = method === 'gptq' ? inputs : outputs;
  if (packedSide % PACKED !== 0 || outputs % PACKED !== 0 || inputs % groupSize !== 0) {
    throw new CheckpointError(
      'malformed',
      `${weights.source}: ${name} [${shape.join(', ')}] cannot be packed by ${PACKED} in groups of ${groupSize}`,
    );
  }
  const { file, lengthBytes } = requireTensor(weights, nameOf(name, 'qweight'));
  if (weights.tensors.has(name)) {
    throw new CheckpointError('malformed', `${file}: ${name} is there twice: as it is, and as qweight`);
  }
  if (lengthBytes > MAX_PACKED_BYTES) {
    throw new CheckpointError(
      'unsupported',
      `${file}: ${nameOf(name, 'qweight')} has ${lengthBytes} bytes, the limit is ${MAX_PACKED_BYTES}`,
    );
  }
  const groupCount = inputs / groupSize;
  const part = (suffix: string, dtypes: string[], expected: number[]): StoredTensor => {
    const partName = nameOf(name, suffix);
    const tensor = requireTensor(weights, partName);
    requireDtype(partName, tensor, dtypes);
    requireShape(partName, tensor, expected, `${method} in groups of ${groupSize}`);
    return tensor;
  };
  const isGptq = method === 'gptq';
  const hasGroups = isGptq && weights.tensors.has(nameOf(name, 'g_idx'));
  return {
    ...{ method, outputs, inputs, groupSize, zeroOffset },
    values: part('qweight', ['I32'], isGptq ? [inputs / PACKED, outputs] : [inputs, outputs / PACKED]),
    zeros: part('qzeros', ['I32'], [groupCount, outputs / PACKED]),
    scales: part('scales', ['F16', 'BF16', 'F32'], [groupCount, outputs]),
    groups: hasGroups ? part('g_idx', ['I32'], [inputs]) : null,
  };
}

async function readWords({ file, offsetBytes, lengthBytes }: StoredTensor): Promise<Int32Array> {
  const bytes = await readRange(file, offsetBytes, lengthBytes);
  return new Int32Array(bytes.buffer, bytes.byteOffset, lengthBytes / 4);
}

async function readGroups({ groups, inputs, groupSize }: PackedWeight): Promise<Int32Array> {
  if (groups === null) return Int32Array.from({ length: inputs }, (_, i) => Math.floor(i / groupSize));
  const groupOf = await readWords(groups);
  const groupCount = inputs / groupSize;
  const bad = groupOf.findIndex((group) => group < 0 || group >= groupCount);
  if (bad < 0) return groupOf;
  throw new CheckpointError(
    'malformed',
    `${groups.file}: g_idx ${bad} is ${groupOf[bad]}: expected 0 to ${groupCount - 1}`,
  );
}

/** The values of output rows from `first` on, `[rows, in]`; eight of GPTQ's in a word are neighbouring inputs. */
function unpackGptq(
  words: Int32Array,
  first: number,
  outputs: number,
  inputs: number,
  into: Uint8Array,
): void {
  const rows = into.length / inputs;
  for (let w = 0; w < inputs / PACKED; w++) {
    for (let row = 0; row < rows; row++) {
      const word = words[w * outputs + first + row];
      const start = row * inputs + w * PACKED;
      for (let i = 0; i < PACKED; i++) into[start + i] = (word >>> (4 * i)) & 15;
    }
  }
}

/** As `unpackGptq`; eight of AWQ's in a word are neighbouring outputs, and `first` is the first of a word. */
function unpackAwq(
  words: Int32Array,
  first: number,
  outputs: number,
  inputs: number,
  into: Uint8Array,
): void {
  const count = into.length / inputs / PACKED;
  for (let input = 0; input < inputs; input++) {
    const start = (input * outputs + first) / PACKED;
    for (let w = 0; w < count; w++) {
      const word = words[start + w];
      for (let i = 0; i < PACKED; i++) {
        into[(w * PACKED + i) * inputs + input] = (word >>> (4 * AWQ_NIBBLES[i])) & 15;
      }
    }
  }
}

/** The zero of each group and output, `[groups, out]`. */
function unpackZeros(words: Int32Array, { method, zeroOffset }: PackedWeight): Uint8Array {
  // A zero of 0 is stored as -1 where 1 is added, that is, as 15.
  return Uint8Array.from({ length: words.length * PACKED }, (_, i) => {
    const nibble = method === 'gptq' ? i % PACKED : AWQ_NIBBLES[i % PACKED];
    return ((words[Math.floor(i / PACKED)] >>> (4 * nibble)) + zeroOffset) & 15;
  });
}

/**
 * Decodes in chunks of output rows: scale times (value - zero), rounded to float32 once; GPTQ and AutoAWQ round it to
 * the scale's float16. Besides a chunk, the packed tensor itself is in memory.
 */
export async function* decodePacked(packed: PackedWeight): AsyncGenerator<Float32Array> {
  const { method, outputs, inputs } = packed;
  const unpack = method === 'gptq' ? unpackGptq : unpackAwq;
  const words = await readWords(packed.values);
  const zeros = unpackZeros(await readWords(packed.zeros), packed);
  const scaleTensor = { ...packed.scales, dtype: floatDtype(packed.scales)! };
  const scales = await readFloatRange(scaleTensor, 0, elementCount(packed.scales.shape));
  const groupOf = await readGroups(packed);
  const groupCount = scales.length / outputs;
  const rowsAtOnce = PACKED * Math.max(1, Math.floor(CHUNK_ELEMENTS / PACKED / inputs));
  const rowScales = new Float32Array(groupCount);
  const rowZeros = new Uint8Array(groupCount);
  for (let first = 0; first < outputs; first += rowsAtOnce) {
    const values = new Uint8Array(Math.min(rowsAtOnce, outputs - first) * inputs);
    unpack(words, first, outputs, inputs, values);
    const out = new Float32Array(values.length);
    for (let start = 0, output = first; start < out.length; start += inputs, output++) {
      for (let group = 0; group < groupCount; group++) {
        rowScales[group] = scales[group * outputs + output];
        rowZeros[group] = zeros[group * outputs + output];
      }
      for (let input = 0; input < inputs; input++) {
        const group = groupOf[input];
        out[start + input] = rowScales[group] * (values[start + input] - rowZeros[group]);
      }
    }
    yield out;
  }
}
