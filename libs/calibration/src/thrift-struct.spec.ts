import { expect, test } from 'vitest';
import { readThriftStruct } from './thrift-struct.ts';

const read = (...bytes: number[]) => readThriftStruct(Buffer.from(bytes), 0);

test('integers and structs are given by field id, and the end behind them', () => {
  const { struct, end } = read(
    0x15,
    0x02,
    0x16,
    0xd7,
    0x0f,
    0x2c,
    0x15,
    0x80,
    0x08,
    0,
    0x18,
    2,
    65,
    66,
    0,
    99,
  );
  expect(struct).toEqual(
    new Map<number, unknown>([
      [1, 1],
      [2, -1004],
      [4, new Map([[1, 512]])],
    ]),
  );
  expect(end).toBe(15);
});

test.each([
  ['no end', [0x15, 0x02], 'without an end'],
  [
    'a list longer than its bytes',
    [0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0],
    'a list of 2147483647 in 2 bytes',
  ],
  ['a string longer than its bytes', [0x18, 0x7f, 65, 0], '127 bytes where 2 are left'],
  ['an integer without an end', [0x16, ...Array<number>(11).fill(0xff), 0], 'more than 64 bits'],
  ['structs without end within each other', Array<number>(100).fill(0x1c), 'structs more than 32 deep'],
  [
    'lists without end within each other',
    [0x19, ...Array<number>(100).fill(0x19)],
    'lists more than 32 deep',
  ],
  ['an unknown type', [0x1d, 0], 'unknown Thrift type 13'],
])('%s is an error', (_, bytes, message) => {
  expect(() => read(...bytes)).toThrow(message);
});
