import type { Checkpoint, Dtype } from '@blockpruner/checkpoint';
import type { ExportFormat } from './export-request.ts';

type Source = Pick<Checkpoint, 'embedding' | 'format'>;
type ModelFormat = Exclude<ExportFormat, { to: 'mask' }>;

/** What weights are rounded to, or computed in; in float32 only the order of some sums differs. */
type Rounding = Dtype | 'q8_0' | 'int4';

/**
 * Bounds of what rounding does to sound models, for finding broken files and not for judging a dtype: fp16 keeps 11 bits,
 * bf16 8, and int4, without calibration, costs a small model tenths of a nat.
 */
const ROUNDING_NATS: Readonly<Record<Rounding, number>> = {
  float32: 1e-5,
  float16: 5e-3,
  bfloat16: 5e-2,
  q8_0: 5e-2,
  int4: 1.5,
};
/** The engine multiplies the stream, a healed export its weights: the epsilons of norms are between them. */
const HEALED_NATS = 1e-3;

/** How far the mean negative log-likelihood of a row may be from that of the source with the same blocks left out, nats. */
export function toleranceNats(format: ModelFormat, source: Source, isHealed: boolean): number {
  return ROUNDING_NATS[roundingOf(format, source, isHealed)] + (isHealed ? HEALED_NATS : 0);
}

function roundingOf(
  format: ModelFormat,
  { embedding, format: sourceFormat }: Source,
  isHealed: boolean,
): Rounding {
  const stored = embedding.dtype;
  // Weights are copied, unless they are multiplied, and then rounded again.
  let source: Rounding = isHealed ? stored : 'float32';
  switch (format.to) {
    case 'gguf':
      // What a GGUF stores is decoded before it comes here; no type of its floats is coarser.
      if (isHealed && sourceFormat === 'gguf') source = 'bfloat16';
      return ({ source, f32: 'float32', f16: 'float16', q8_0: 'q8_0' } as const)[format.type];
    case 'hf':
      return format.dtype === 'source' ? source : format.dtype;
    case 'onnx':
      if (format.dtype !== 'source') return format.dtype;
      // A graph of fp16 weights computes in fp16, where the engine computes in fp32.
      return stored === 'float16' ? stored : source;
  }
}
