/** Uniform numbers in `[0, 1)`: mulberry32, seeded by the 32-bit FNV-1a hash of a text. */
export function uniformStream(seedText: string): () => number {
  let state = fnv1a(seedText);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The values of one tensor: `mean + deviation · n`, where n has unit variance and is nearly normal. It is the
 * sum of four uniforms, and not Box-Muller, because only sums and products are equal on every machine.
 */
export function randomTensor(seedText: string, count: number, mean: number, deviation: number): Float32Array {
  const uniform = uniformStream(seedText);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const unit = (uniform() + uniform() + uniform() + uniform() - 2) * 1.7320508075688772; // √3: variance 4/12
    values[i] = mean + deviation * unit;
  }
  return values;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
