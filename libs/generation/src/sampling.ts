import { seededUniform } from './seeded-uniform.ts';

/** How the next token is chosen. */
export interface Sampling {
  /** 0 takes the most likely token; otherwise logits are divided by it. */
  readonly temperature: number;
  /** Only so many most likely tokens may come; null for any. */
  readonly topK: number | null;
  /** Only the most likely tokens that together have this probability may come (arXiv 1904.09751); 1 for any. */
  readonly topP: number;
  readonly seed: number;
}

/**
 * Chooses a token: temperature, then top-k, then top-p, as transformers does, and a draw that follows from the seed and
 * the step alone. Of equal logits the lower id is the more likely.
 * @param logits `[vocabulary]`
 * @param step tokens chosen before
 * @throws Error when a logit is not a number, or the largest is infinite
 */
export function nextToken(logits: Float32Array, sampling: Sampling, step: number): number {
  const best = mostLikely(logits);
  const { temperature, topK, topP, seed } = sampling;
  if (temperature === 0) return best;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - logits[best]) / temperature));
  const kept = withinTopP(withinTopK(logits, topK), logits, weights, topP);
  return draw(kept, weights, seededUniform(seed, step));
}

function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let id = 0; id < logits.length; id++) {
    if (Number.isNaN(logits[id])) best = id;
    else if (logits[id] > logits[best]) best = id;
  }
  if (logits.length > 0 && Number.isFinite(logits[best])) return best;
  throw new Error(
    `the model computes ${logits[best] ?? 'no logit'} for token ${best}: check the weights and the dtype`,
  );
}

function withinTopK(logits: Float32Array, topK: number | null): Uint32Array {
  const ids = Uint32Array.from(logits, (_, id) => id);
  if (topK === null || topK >= logits.length) return ids;
  const least = logits.slice().sort()[logits.length - topK];
  let equal = topK - logits.reduce((count, logit) => count + (logit > least ? 1 : 0), 0);
  return ids.filter((id) => logits[id] > least || (logits[id] === least && equal-- > 0));
}

/** At least one. */
function withinTopP(
  ids: Uint32Array,
  logits: Float32Array,
  weights: Float64Array,
  topP: number,
): Uint32Array {
  if (topP >= 1) return ids;
  const total = sumOf(ids, weights);
  // All that are less likely than this have less than 1 - topP together: they need no place in the order.
  const least = ((1 - topP) * total) / ids.length;
  const likely = ids.filter((id) => weights[id] >= least).sort((a, b) => logits[b] - logits[a] || a - b);
  let sum = 0;
  const last = likely.findIndex((id) => (sum += weights[id]) >= topP * total);
  return last < 0 ? likely : likely.subarray(0, last + 1);
}

function draw(ids: Uint32Array, weights: Float64Array, uniform: number): number {
  let left = uniform * sumOf(ids, weights);
  for (const id of ids) {
    left -= weights[id];
    if (left < 0) return id;
  }
  return ids[ids.length - 1]; // rounding
}

function sumOf(ids: Uint32Array, weights: Float64Array): number {
  return ids.reduce((sum, id) => sum + weights[id], 0);
}
