/**
 * Bounds of the numbers that a config may name, each several times beyond the largest published model: what lies
 * outside is a damaged file, and would otherwise become an absurd allocation.
 */
export const LIMITS = {
  layers: { min: 1, max: 1024 },
  hiddenSize: { min: 1, max: 65536 },
  intermediateSize: { min: 1, max: 2 ** 20 },
  heads: { min: 1, max: 4096 },
  headSize: { min: 2, max: 4096 },
  vocabSize: { min: 1, max: 2 ** 21 },
  positions: { min: 1, max: 2 ** 27 },
  normEpsilon: { min: 1e-20, max: 1 },
  ropeTheta: { min: 1, max: 1e12 },
  ropeFactor: { min: 1e-3, max: 1e6 },
} as const;
