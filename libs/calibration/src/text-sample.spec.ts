import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextSample } from './text-sample.ts';

const SEGMENT = 2 ** 16;

function sampleOf(records: readonly (readonly string[])[], seed = 1, maxCharacters?: number) {
  const sample = new TextSample(seed, maxCharacters);
  for (const parts of records) parts.forEach((part, i) => sample.add(part, i < parts.length - 1));
  return { ...sample.finish(), characters: sample.characters };
}

/** Lines that differ, so that every segment can be told from every other. */
function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${i}\n`).join('');
}

describe('a text within the budget', () => {
  it('is the records joined with a blank line', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string(), { minLength: 1 }), { minLength: 1 }), (records) => {
        const joined = records.map((parts) => parts.join('')).join('\n\n');
        expect(sampleOf(records)).toEqual({ text: joined, isSample: false, characters: joined.length });
      }),
    );
  });

  it('is whole when it takes many segments', () => {
    const text = lines(100_000);
    expect(sampleOf([[text], ['😀'.repeat(SEGMENT)], [text]]).text).toBe(
      [text, '😀'.repeat(SEGMENT), text].join('\n\n'),
    );
  });
});

it('a text of the very size of the budget is whole, wherever its segments end', () => {
  const budget = 8 * SEGMENT;
  const paragraph = 'x'.repeat(SEGMENT / 2 + 100);
  const records = Array.from({ length: 15 }, () => paragraph);
  records.push('y'.repeat(budget - records.join('\n\n').length - 2));
  const whole = sampleOf(
    records.map((record) => [record]),
    1,
    budget,
  );
  expect(whole).toEqual({ text: records.join('\n\n'), isSample: false, characters: budget });
  expect(sampleOf([...records.map((record) => [record]), ['']], 1, budget).isSample).toBe(true);
});

describe('a text beyond the budget', () => {
  const text = lines(200_000);
  const budget = 4 * SEGMENT;

  it('is sampled within the budget, in its own order', () => {
    const { text: sampled, isSample, characters } = sampleOf([[text]], 1, budget);
    expect([isSample, characters]).toEqual([true, text.length]);
    expect(sampled.length).toBeLessThanOrEqual(budget + 8);
    expect(sampled.length).toBeGreaterThan(3 * SEGMENT);
    const numbers = [...sampled.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
    expect(numbers.length).toBeGreaterThan(10_000);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    // Whole lines only: segments end behind one.
    expect(sampled.split('\n').every((line) => /^(line \d+)?$/.test(line))).toBe(true);
  });

  it('is a function of text and seed, whatever the parts', () => {
    const whole = sampleOf([[text]], 7, budget);
    expect(sampleOf([[text]], 8, budget).text).not.toBe(whole.text);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 5 }), (cuts) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), text.length];
        const parts = bounds.slice(1).map((end, i) => text.slice(bounds[i], end));
        expect(sampleOf([parts], 7, budget)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it('takes every part of the text alike', () => {
    const counts = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 200; seed++) {
      const { text: sampled } = sampleOf([[text.slice(0, 30 * SEGMENT)]], seed, budget);
      for (const [, number] of sampled.matchAll(/line (\d+)/g)) counts[Math.floor(Number(number) / 17_000)]++;
    }
    const [, ...inner] = counts.filter((count) => count > 0).slice(0, -1);
    expect(Math.max(...inner) / Math.min(...inner)).toBeLessThan(1.5);
  });
});
