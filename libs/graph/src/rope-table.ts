import type { Checkpoint, RopeScaling } from '@blockpruner/checkpoint';

const { fround } = Math;

/** Rotary position tables, each `[tokens, headSize / 2]`, row-major. */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Cosines and sines of the rotary embedding for positions `0 … tokens-1`, rounded to fp32 at every
 * step at which PyTorch rounds, so that the angles are its own (RoFormer, arXiv 2104.09864; the llama3 scaling of
 * Llama 3.1). Rounding once from float64 would move a third of the frequencies.
 */
export function ropeTables(checkpoint: Pick<Checkpoint, 'rope' | 'shape'>, tokens: number): RopeTables {
  const frequencies = inverseFrequencies(checkpoint);
  const half = frequencies.length;
  const cos = new Float32Array(tokens * half);
  const sin = new Float32Array(tokens * half);
  for (let position = 0; position < tokens; position++) {
    for (let i = 0; i < half; i++) {
      const angle = fround(position * frequencies[i]);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Radians that a pair of a head turns by from one position to the next, `[headSize / 2]`. */
export function inverseFrequencies({ rope, shape }: Pick<Checkpoint, 'rope' | 'shape'>): Float32Array {
  const size = shape.headSize;
  const plain = Float32Array.from(
    { length: size / 2 },
    (_, i) => 1 / fround(rope.theta ** fround((2 * i) / size)),
  );
  const { scaling } = rope;
  switch (scaling.kind) {
    case 'none':
      return plain;
    case 'linear':
      return plain.map((frequency) => frequency / scaling.factor);
    case 'llama3':
      return plain.map((frequency) => llama3Frequency(frequency, scaling));
  }
}

function llama3Frequency(frequency: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxTokens } = scaling;
  const wavelength = fround(fround(1 / frequency) * fround(2 * Math.PI));
  if (wavelength < originalMaxTokens / highFreqFactor) return frequency;
  if (wavelength > originalMaxTokens / lowFreqFactor) return frequency / factor;
  const position = fround(fround(fround(1 / wavelength) * originalMaxTokens) - lowFreqFactor);
  const smooth = fround(position / fround(highFreqFactor - lowFreqFactor));
  const scaled = fround(fround(fround(1 - smooth) * frequency) / factor);
  return scaled + fround(smooth * frequency);
}
