import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nextToken, type Sampling } from './sampling.ts';

const logitsOf = fc
  .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values));
const sampling = fc.record({
  temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
  topK: fc.option(fc.integer({ min: 1, max: 70 })),
  topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});

/** Ids, the most likely first. */
function ranked(logits: Float32Array): number[] {
  return [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
}

/** The ids that may come, computed one by one. */
function allowed(logits: Float32Array, { temperature, topK, topP }: Sampling): number[] {
  const top = ranked(logits).slice(0, topK ?? logits.length);
  const weights = top.map((id) => Math.exp((logits[id] - logits[top[0]]) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return top.filter((_, i) => {
    const isWithin = i === 0 || sum < (topP + 1e-9) * total;
    sum += weights[i];
    return isWithin;
  });
}

it('takes the most likely token at temperature 0, the lower id of equals', () => {
  fc.assert(
    fc.property(logitsOf, sampling, (logits, given) => {
      expect(nextToken(logits, { ...given, temperature: 0 }, 0)).toBe(ranked(logits)[0]);
    }),
  );
});

it('takes a token that top-k and top-p leave, the same one each time', () => {
  fc.assert(
    fc.property(logitsOf, sampling, fc.nat(1000), (logits, given, step) => {
      const id = nextToken(logits, given, step);
      expect(allowed(logits, given)).toContain(id);
      expect(nextToken(logits, given, step)).toBe(id);
    }),
  );
});

it('takes the most likely token where nothing else is left', () => {
  fc.assert(
    fc.property(logitsOf, sampling, (logits, given) => {
      expect(nextToken(logits, { ...given, topK: 1 }, 3)).toBe(ranked(logits)[0]);
      expect(nextToken(logits, { ...given, topP: 1e-9 }, 3)).toBe(ranked(logits)[0]);
    }),
  );
});

it('draws each token as often as its probability says', () => {
  const probabilities = [0.5, 0.3, 0.15, 0.05];
  const logits = Float32Array.from(probabilities, Math.log);
  const counts = [0, 0, 0, 0];
  const steps = 20_000;
  for (let step = 0; step < steps; step++) {
    counts[nextToken(logits, { temperature: 1, topK: null, topP: 1, seed: 11 }, step)]++;
  }
  for (const [id, probability] of probabilities.entries()) {
    const deviation = Math.sqrt((probability * (1 - probability)) / steps);
    expect(Math.abs(counts[id] / steps - probability)).toBeLessThan(5 * deviation);
  }
});

it.each([[[NaN, 1]], [[1, NaN]], [[Infinity, 0]], [[-Infinity, -Infinity]], [[]]])(
  'refuses the logits %j',
  (values) => {
    const greedy = { temperature: 0, topK: null, topP: 1, seed: 0 };
    expect(() => nextToken(Float32Array.from(values), greedy, 0)).toThrow(/^the model computes .* for token/);
  },
);
