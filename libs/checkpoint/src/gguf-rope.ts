import { CheckpointError } from './checkpoint-error.ts';
import type { RopeScaling } from './checkpoint.ts';
import { numberField, stringField, type Fields } from './field.ts';
import { LIMITS } from './limits.ts';

/** The parameters that no file says: those of Llama 3.1 to 3.3, and of every other published model of this kind. */
export const LLAMA3_FREQ_FACTORS = { low: 1, high: 4 };
/** Where the file does not say, likewise. */
export const LLAMA3_ORIGINAL_TOKENS = 8192;
/**
 * Relative. The divisors were computed in float32, where the rounding of a frequency is amplified by up to the factor:
 * by 2e-6 at the most for a factor of 32.
 */
const DIVISOR_TOLERANCE = 1e-5;
/** Of a factor that is solved for; published factors are small whole numbers. */
const FACTOR_DIGITS = 4;

/** The rotary embedding without its scaling. */
interface PlainRope {
  readonly theta: number;
  readonly headSize: number;
}

type Llama3Scaling = Extract<RopeScaling, { readonly kind: 'llama3' }>;

/** 1 where a wavelength is short enough to stay as it is, 0 where it is divided by the whole factor. */
function llama3Smooth(
  { theta, headSize }: PlainRope,
  { lowFreqFactor: low, highFreqFactor: high, originalMaxTokens }: Omit<Llama3Scaling, 'kind' | 'factor'>,
  pair: number,
): number {
  const wavelengthTokens = 2 * Math.PI * theta ** ((2 * pair) / headSize);
  return Math.min(1, Math.max(0, (originalMaxTokens / wavelengthTokens - low) / (high - low)));
}

/** What llama3 scaling divides the rotary frequencies by, `[headSize / 2]`: what `rope_freqs.weight` holds. */
export function llama3Divisors(rope: PlainRope, scaling: Llama3Scaling): Float32Array {
  return Float32Array.from({ length: rope.headSize / 2 }, (_, pair) => {
    const smooth = llama3Smooth(rope, scaling, pair);
    return 1 / ((1 - smooth) / scaling.factor + smooth);
  });
}

/**
 * The `rope_scaling` of config.json that the divisors of `rope_freqs.weight` amount to; null when all are 1.
 * llama.cpp's convert_hf_to_gguf.py computes them from the llama3 scaling of config.json, and writes none of its
 * parameters.
 * @param divisors `[headSize / 2]`, one for each frequency
 * @param originalMaxTokens the context that the model was first trained with
 * @throws CheckpointError when another scaling made them
 */
export function llama3Scaling(
  file: string,
  divisors: Float32Array,
  rope: PlainRope,
  originalMaxTokens: number,
) {
  if (2 * divisors.length !== rope.headSize) {
    throw new CheckpointError(
      'wrong-shape',
      `${file}: rope_freqs.weight has ${divisors.length} values: expected one for each pair of a head of ${rope.headSize}`,
    );
  }
  if (divisors.every((divisor) => divisor === 1)) return null;
  const { low, high } = LLAMA3_FREQ_FACTORS;
  const parameters = { kind: 'llama3', lowFreqFactor: low, highFreqFactor: high, originalMaxTokens } as const;
  const last = divisors.length - 1;
  const smooth = llama3Smooth(rope, parameters, last);
  const factor = Number(((1 - smooth) / (1 / divisors[last] - smooth)).toPrecision(FACTOR_DIGITS));
  const expected = llama3Divisors(rope, { ...parameters, factor });
  const wrong = divisors.findIndex(
    (divisor, pair) => !(Math.abs(divisor / expected[pair] - 1) <= DIVISOR_TOLERANCE),
  );
  if (wrong >= 0 || !(factor > 1 && factor <= LIMITS.ropeFactor.max)) {
    throw new CheckpointError(
      'unsupported',
      `${file}: rope_freqs.weight (${divisors[Math.max(0, wrong)]} at ${Math.max(0, wrong)}, ${divisors[last]} at ${last}) ` +
        `is not the llama3 scaling of rope.freq_base ${rope.theta} with low_freq_factor ${low}, high_freq_factor ${high}, ` +
        `original_max_position_embeddings ${originalMaxTokens}: no other scaling is supported`,
    );
  }
  return {
    rope_type: 'llama3',
    factor,
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: originalMaxTokens,
  };
}

/**
 * The `rope_scaling` of config.json that the metadata amounts to, as llama.cpp reads it: without a type, a factor
 * means linear scaling; null for none.
 * @param architecture the prefix of the keys
 * @throws CheckpointError on another type
 */
export function metadataScaling(metadata: Fields, architecture: string) {
  const key = `${architecture}.rope.scaling.type`;
  const kind = stringField(metadata, key, 'linear');
  if (kind === 'none') return null;
  if (kind !== 'linear') {
    throw new CheckpointError(
      'unsupported',
      `${metadata.file}: ${key} "${kind.slice(0, 40)}" is not supported: only none and linear are`,
    );
  }
  const old = numberField(metadata, `${architecture}.rope.scale_linear`, LIMITS.ropeFactor, 1);
  const factor = numberField(metadata, `${architecture}.rope.scaling.factor`, LIMITS.ropeFactor, old);
  return factor === 1 ? null : { rope_type: 'linear', factor };
}
