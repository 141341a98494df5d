import { contentHash } from '@blockpruner/calibration';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowConfig, rowSources } from './run-rows.ts';
import { UsageError } from './usage-error.ts';

const setOf = (...lengths: number[]) => {
  const rows = lengths.map((length) => Int32Array.from({ length }, (_, i) => length + i));
  return { rows, contentHash: contentHash(rows) };
};

describe('rowConfig', () => {
  it('gives for one set what its rows alone give, whatever its weight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 1 }), (lengths) => {
        const set = setOf(...lengths);
        const plain = { calibrationHash: set.contentHash, rowTokens: lengths };
        expect(rowConfig([set], [null], null)).toEqual(plain);
        expect(rowConfig([set], [0.3], null)).toEqual(plain);
      }),
    );
  });

  it('puts several sets one after the other, held-out rows last', () => {
    const [first, second, heldOut] = [setOf(5), setOf(7, 3), setOf(4)];
    expect(rowConfig([first, second], [1, 3], heldOut)).toEqual({
      calibrationHash: contentHash([...first.rows, ...second.rows]),
      rowTokens: [5, 7, 3, 4],
      sets: [
        { rowCount: 1, weight: 0.25, contentHash: first.contentHash },
        { rowCount: 2, weight: 0.75, contentHash: second.contentHash },
      ],
      heldOutRowCount: 1,
      heldOutHash: heldOut.contentHash,
    });
    expect(rowConfig([first, second], [null, null], null).sets?.map(({ weight }) => weight)).toEqual([
      0.5, 0.5,
    ]);
  });
});

describe('rowSources', () => {
  it('takes one text or a list, and the held-out text', () => {
    expect(rowSources({ values: { calibration: 'a.json' }, origins: {} })).toEqual({
      calibration: [{ given: 'a.json', weight: null }],
      heldOut: null,
    });
    const values = { calibration: ['a.json:1', 'b.json:3'], heldOut: 'c.txt', heldOutRows: 4 };
    expect(rowSources({ values, origins: {} })).toMatchObject({
      calibration: [{ weight: 1 }, { weight: 3 }],
      heldOut: 'c.txt',
    });
  });

  it('refuses a number of held-out rows without a text', () => {
    const read = () => rowSources({ values: { calibration: 'a.json', heldOutRows: 4 }, origins: {} });
    expect(read).toThrow(UsageError);
    expect(read).toThrow('--held-out-rows 4 has no text to take rows of: give one with --held-out <file>');
  });
});
