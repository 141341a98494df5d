import { CheckpointError } from './checkpoint-error.ts';
import { numberField, stringField, type Fields } from './field.ts';
import { LIMITS } from './limits.ts';

/** The parameters besides the factor: those of Llama 3.1 to 3.3, and of every other published model of this kind. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
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

/** 1 where a wavelength is short enough to stay as it is, 0 where it is divided by the whole factor. */
function llama3Smooth({ theta, headSize }: PlainRope, pair: number): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: tokens } = LLAMA3;
  const wavelengthTokens = 2 * Math.PI * theta ** ((2 * pair) / headSize);
  return Math.min(1, Math.max(0, (tokens / wavelengthTokens - low) / (high - low)));
}

/**
 * The `rope_scaling` of config.json that the divisors of `rope_freqs.weight` amount to; null when all are 1.
 * llama.cpp's convert_hf_to_gguf.py computes them from the llama3 scaling of config.json, and writes none of its
 * parameters.
 * @param divisors `[headSize / 2]`, one for each frequency
 * @throws CheckpointError when another scaling made them
 */
export function llama3Scaling(file: string, divisors: Float32Array, rope: PlainRope) {
  if (2 * divisors.length !== rope.headSize) {
    throw new CheckpointError(
      'wrong-shape',
      `${file}: rope_freqs.weight has ${divisors.length} values: expected one for each pair of a head of ${rope.headSize}`,
    );
  }
  if (divisors.every((divisor) => divisor === 1)) return null;
  const last = divisors.length - 1;
  const smooth = llama3Smooth(rope, last);
  const factor = Number(((1 - smooth) / (1 / divisors[last] - smooth)).toPrecision(FACTOR_DIGITS));
  const wrong = divisors.findIndex((divisor, pair) => {
    const stretch = (1 - llama3Smooth(rope, pair)) / factor + llama3Smooth(rope, pair);
    return !(Math.abs(divisor * stretch - 1) <= DIVISOR_TOLERANCE);
  });
  if (wrong >= 0 || !(factor > 1 && factor <= LIMITS.ropeFactor.max)) {
    const parameters = Object.entries(LLAMA3).map(([name, value]) => `${name} ${value}`);
    throw new CheckpointError(
      'unsupported',
      `${file}: rope_freqs.weight (${divisors[Math.max(0, wrong)]} at ${Math.max(0, wrong)}, ${divisors[last]} at ${last}) ` +
        `is not the llama3 scaling of rope.freq_base ${rope.theta} with ${parameters.join(', ')}: no other scaling is supported`,
    );
  }
  return { rope_type: 'llama3', factor, ...LLAMA3 };
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
