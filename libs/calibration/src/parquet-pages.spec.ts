import { expect, test } from 'vitest';
import { measurePages } from './parquet-pages.ts';

/** A Thrift field with an integer, its id counted from the field before it. */
function field(delta: number, value: number): number[] {
  const bytes = [delta * 16 + 5];
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function page(type: number, sizes: [number, number], header: number[], body = 4): Buffer {
  const [uncompressed, compressed] = sizes;
  const head = [...field(1, type), ...field(1, uncompressed), ...field(1, compressed), ...header, 0, 0];
  return Buffer.from([...head, ...Array<number>(body).fill(7)]);
}

const dataHeader = (values: number) => [0x2c, ...field(1, values)];
const dictionaryHeader = (values: number) => [0x4c, ...field(1, values)];
const dataHeaderV2 = (values: number, nulls: number, rows: number, levels: [number, number]) => [
  0x5c,
  ...field(1, values),
  ...field(1, nulls),
  ...field(1, rows),
  ...field(2, levels[0]),
  ...field(1, levels[1]),
];

test('the pages of a chunk are summed up', () => {
  const chunk = Buffer.concat([
    page(2, [40, 4], dictionaryHeader(3)),
    page(0, [100, 4], dataHeader(10)),
    page(3, [200, 4], dataHeaderV2(20, 5, 8, [1, 2])),
  ]);
  expect(measurePages(chunk)).toEqual({ uncompressedBytes: 340, values: 30 });
});

test.each([
  [
    'a page beyond the chunk',
    page(0, [4, 5], dataHeader(1)),
    'compressed_page_size of a page is 5, not from 0 to 4',
  ],
  ['a negative size', page(0, [4, -1], dataHeader(1)), 'compressed_page_size of a page is -1'],
  [
    'an uncompressed size of 2 GB',
    page(0, [2 ** 31 - 1, 4], dataHeader(1)),
    'uncompressed_page_size of a page is 2147483647',
  ],
  ['two billion values', page(0, [4, 4], dataHeader(2 ** 31 - 1)), 'num_values of a page is 2147483647'],
  [
    'a dictionary of more values than bits',
    page(2, [4, 4], dictionaryHeader(33)),
    'num_values of a page is 33',
  ],
  ['more nulls than values', page(3, [4, 4], dataHeaderV2(2, 3, 1, [0, 0])), 'num_nulls of a page is 3'],
  [
    'levels beyond the page',
    page(3, [4, 4], dataHeaderV2(2, 0, 1, [3, 2])),
    'repetition_levels_byte_length of a page is 2',
  ],
  ['a page without its header', page(0, [4, 4], dictionaryHeader(1)), 'a page without its header'],
  ['an unknown page type', page(9, [4, 4], dataHeader(1)), 'a page of an unknown type'],
  ['bytes that are no header', Buffer.from('garbage that is none'), ''],
])('%s is an error', (_, chunk, message) => {
  expect(() => measurePages(chunk)).toThrow(message);
});
