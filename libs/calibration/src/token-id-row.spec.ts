import { describe, expect, it } from 'vitest';
import { tokenIdRow } from './token-id-row.ts';

const source = { file: '/data/c.json', place: 'element 1', value: null, continues: false };
const row = (ids: readonly unknown[]) => tokenIdRow(ids, source, 1000);

describe('a row of token ids', () => {
  it('is taken as it is', () => {
    expect(row([0, 999, 5])).toEqual(Int32Array.of(0, 999, 5));
  });

  it.each(['1000', '-1', '1.5', '"4"', 'null', '[3]'])(
    'names place, position, value and vocabulary size for id %s',
    (id) => {
      const named = id === '[3]' ? 'an array' : id;
      expect(() => row([3, 4, JSON.parse(id)])).toThrow(
        expect.objectContaining({
          code: 'token-id',
          message: `/data/c.json: element 1, position 2: ${named} is not a token id from 0 to 999: the model's vocabulary has 1000 tokens`,
        }),
      );
    },
  );

  it('has from 2 to 131072 ids', () => {
    expect(row(new Array(131_072).fill(1))).toHaveLength(131_072);
    expect(() => row(new Array(131_073).fill(1))).toThrow(
      expect.objectContaining({ code: 'limit', message: expect.stringContaining('131073') as string }),
    );
    expect(() => row([7])).toThrow(
      '/data/c.json: element 1 has 1 token ids; a row has from 2, one to predict from and one to predict',
    );
  });
});
