import { describe, expect, it } from 'vitest';
import { stateBoundaries } from './state-boundaries.ts';

describe('state boundaries', () => {
  it('are the sixteenths of the model behind the fork', () => {
    const boundaries = (start: number): number[] =>
      stateBoundaries(64, start, 1e9).map(({ boundary }) => boundary);
    expect(boundaries(0)).toEqual(Array.from({ length: 15 }, (_, i) => 4 * (i + 1)));
    expect(boundaries(52)).toEqual([56, 60]);
    expect(boundaries(60)).toEqual([]);
  });

  it.each([2, 4, 8, 60])(
    'lie inside a model of %i blocks, ascending, each once, each worth something',
    (count) => {
      for (let start = 0; start <= count; start++) {
        const all = stateBoundaries(count, start, 4096);
        const boundaries = all.map(({ boundary }) => boundary);
        expect(boundaries).toEqual([...new Set(boundaries)].sort((a, b) => a - b));
        expect(boundaries.every((boundary) => boundary > start && boundary < count)).toBe(true);
        expect(all.every(({ worth }) => worth > 0)).toBe(true);
      }
      expect(stateBoundaries(count, 0, 4096).map(({ boundary }) => boundary)).toContain(count / 2);
    },
  );

  it('are worth most a little behind the middle, and more the earlier the stream forks', () => {
    const best = (start: number) => stateBoundaries(64, start, 4096).sort((a, b) => b.worth - a.worth)[0];
    expect([0, 16, 32].map((start) => best(start).boundary)).toEqual([36, 44, 48]);
    expect(best(0).worth).toBeCloseTo(36 * (1 - (36 / 64) ** 2));
    expect(best(0).worth).toBeGreaterThan(best(1).worth);
  });

  it('leave out what saves less than the run that stops there costs', () => {
    const all = stateBoundaries(60, 0, 1e9);
    const some = stateBoundaries(60, 0, 576);
    expect(some.length).toBeLessThan(all.length);
    expect(some).toEqual(all.filter(({ worth }) => worth >= (60 * 4) / 576));
    expect(stateBoundaries(60, 58, 576)).toEqual([]);
    expect(stateBoundaries(8, 0, 8)).toEqual([]);
  });

  it('are worth together what they are expected to save', () => {
    const all = stateBoundaries(64, 10, 1e9);
    const expected = all.reduce((sum, { boundary }, i) => {
      const next = all[i + 1]?.boundary ?? 64;
      return sum + ((boundary - 10) * (next ** 2 - boundary ** 2)) / 64 ** 2;
    }, 0);
    expect(all.reduce((sum, { worth }) => sum + worth, 0)).toBeCloseTo(expected);
  });
});
