import type { ExportFormat } from './export-request.ts';

/**
 * How far the mean negative log-likelihood of a row may be from that of the source with the same blocks left out, nats.
 * Where weights are written as they are, only the order of some sums differs. Beyond that these are bounds of what
 * rounding does to sound models, for finding broken files and not for judging a dtype: fp16 keeps 11 bits, bf16 8,
 * and int4, without calibration, costs a small model tenths of a nat.
 */
const EXACT_NATS = 1e-5;
const FP16_NATS = 5e-3;
const BF16_NATS = 5e-2;
const Q8_0_NATS = 5e-2;
const INT4_NATS = 1.5;

export function toleranceNats(format: ExportFormat): number {
  switch (format.to) {
    case 'mask':
      return 0;
    case 'gguf':
      return { source: EXACT_NATS, f32: EXACT_NATS, f16: FP16_NATS, q8_0: Q8_0_NATS }[format.type];
    case 'hf':
    case 'onnx':
      return {
        source: EXACT_NATS,
        float32: EXACT_NATS,
        float16: FP16_NATS,
        bfloat16: BF16_NATS,
        int4: INT4_NATS,
      }[format.dtype];
  }
}
