import { repack } from '@blockpruner/blocks';
import {
  GGUF_NAMES,
  layOutTensors,
  llama3Divisors,
  tensorOf,
  type GgufModel,
  type GgufTensor,
  type TensorLocation,
  type TensorRole,
} from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';
import type { GgufOutput } from './gguf-encoding.ts';
import type { GgufForm } from './gguf-form.ts';
import { ZERO_MLP_WIDTH } from './deci-layers.ts';
import {
  copiedOutput,
  fitsQ8,
  floatOutput,
  floatTypeDtype,
  q8Output,
  vectorOutput,
  zeroOutput,
} from './gguf-rows.ts';
import { weightFactor, type PrunedModel } from './pruned-model.ts';
import type { RowChange } from './source-rows.ts';

/** In what matrices are written; vectors are in F32 always. */
export type GgufWeightType = 'source' | 'f32' | 'f16' | 'q8_0';

const ROPE_DIVISORS = 'rope_freqs.weight';

/** The row of a weight in order that becomes row `row` where the two rotary halves of each head are interleaved. */
export function interleavedRow(headSize: number, row: number): number {
  const inHead = row % headSize;
  return row - inHead + (inHead % 2) * (headSize / 2) + (inHead >> 1);
}

/**
 * The tensors of a GGUF: those of the model, what stands in for absent blocks, and the divisors of its rope.
 * @param gguf the source where it is a GGUF, else null
 * @throws ExportError when a quantized weight would have to be multiplied
 */
export function ggufTensors(
  model: PrunedModel,
  form: GgufForm,
  type: GgufWeightType,
  gguf: GgufModel | null,
): GgufOutput[] {
  const { checkpoint, factors, source } = model;
  const tensors: GgufOutput[] = [];
  layOutTensors(form.layout, GGUF_NAMES, (name, shape, role) => {
    const floats = tensorOf(checkpoint, role);
    if (floats === null) {
      tensors.push(zeroOutput(name, shape, 'F32'));
      return;
    }
    const isRotary = role.module === 'q' || role.module === 'k';
    const change: RowChange = {
      factor: weightFactor(factors, role),
      ...(isRotary &&
        form.interleavedRotary && { rowOrder: (row) => interleavedRow(source.shape.headSize, row) }),
    };
    const encoded = gguf && (gguf.tensors.get(nameInSource(model, role)) ?? null);
    const isMatrix = shape.length > 1;
    tensors.push(
      isMatrix
        ? matrixOutput({ name, floats, encoded, change, isInOrder: source.modelType === 'qwen2' }, type)
        : floatOutput(name, floats, 'float32', change),
    );
  });
  return [...tensors, ...standIns(form, type, tensors[0].typeName), ...ropeDivisors(model, form, gguf)];
}

/** The name that a tensor of the exported model has in the GGUF that it comes from. */
function nameInSource({ mask, source }: PrunedModel, { layer, module, part }: TensorRole): string {
  const name = `${GGUF_NAMES[module]}.${part}`;
  if (layer === null) return name;
  const { mha, mlp } = repack(source.shape, mask)[layer];
  return name.replace('{layer}', String(name.includes('.attn_') ? mha : mlp));
}

interface Matrix {
  readonly name: string;
  /** Its values. */
  readonly floats: TensorLocation;
  /** As it is in the GGUF that it comes from; null where that is none. */
  readonly encoded: GgufTensor | null;
  readonly change: RowChange;
  /** Whether the rows of a head are in order in that GGUF too. */
  readonly isInOrder: boolean;
}

function matrixOutput(matrix: Matrix, type: GgufWeightType): GgufOutput {
  const { name, floats, encoded, change } = matrix;
  switch (type) {
    case 'f32':
      return floatOutput(name, floats, 'float32', change);
    case 'f16':
      return floatOutput(name, floats, 'float16', change);
    case 'q8_0':
      return fitsQ8(floats.shape)
        ? q8Output(name, floats, change)
        : floatOutput(name, floats, 'float16', change);
    case 'source':
      return encoded === null
        ? floatOutput(name, floats, floats.dtype, change)
        : sourceOutput(matrix, encoded);
  }
}

function sourceOutput({ name, floats, change, isInOrder }: Matrix, encoded: GgufTensor): GgufOutput {
  const { factor = 1, rowOrder } = change;
  if (factor === 1) return copiedOutput(name, encoded, isInOrder ? rowOrder : undefined);
  const dtype = floatTypeDtype(encoded.type.name);
  if (dtype !== undefined) return floatOutput(name, floats, dtype, change);
  throw new ExportError(
    `${encoded.file}: ${encoded.name} is ${encoded.type.name}, which --heal cannot multiply: choose --dtype fp16 or fp32`,
  );
}

/** Blocks whose output is zero, where llama.cpp needs one and the model has none. */
function standIns({ deci, layout }: GgufForm, type: GgufWeightType, embeddingType: string): GgufOutput[] {
  if (deci === null) return [];
  const { headSize, hiddenSize } = layout.sizes;
  const ones = (name: string) => vectorOutput(name, new Float32Array(hiddenSize).fill(1));
  const isFloat = type !== 'q8_0' && floatTypeDtype(embeddingType) !== undefined;
  const zeros = (name: string, shape: readonly number[]) => {
    const smallest = fitsQ8(shape) ? 'Q8_0' : 'F16';
    return zeroOutput(name, shape, isFloat ? embeddingType : smallest);
  };
  const mha = (layer: number) => [
    ones(`blk.${layer}.attn_norm.weight`),
    ...['q', 'k', 'v'].map((part) => zeros(`blk.${layer}.attn_${part}.weight`, [headSize, hiddenSize])),
    zeros(`blk.${layer}.attn_output.weight`, [hiddenSize, headSize]),
  ];
  const mlp = (layer: number) => [
    ones(`blk.${layer}.ffn_norm.weight`),
    ...['gate', 'up'].map((part) => zeros(`blk.${layer}.ffn_${part}.weight`, [ZERO_MLP_WIDTH, hiddenSize])),
    zeros(`blk.${layer}.ffn_down.weight`, [hiddenSize, ZERO_MLP_WIDTH]),
  ];
  return [...deci.zeroMha.flatMap(mha), ...deci.zeroMlp.flatMap(mlp)];
}

function ropeDivisors({ source }: PrunedModel, { layout }: GgufForm, gguf: GgufModel | null): GgufOutput[] {
  const { scaling, theta } = source.rope;
  if (scaling.kind !== 'llama3') return [];
  const { headSize } = layout.sizes;
  const given = gguf?.tensors.get(ROPE_DIVISORS);
  if (given !== undefined) return [copiedOutput(ROPE_DIVISORS, given)];
  return [vectorOutput(ROPE_DIVISORS, llama3Divisors({ theta, headSize }, scaling))];
}
