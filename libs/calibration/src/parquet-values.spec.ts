import { expect, test } from 'vitest';
import { STRICT_PARSERS, toPlainValue } from './parquet-values.ts';

test('a value becomes what JSON would have', () => {
  const given = { a: [1n, 2n ** 60n, undefined, null], b: { c: new Date(0), d: true }, e: 'x' };
  expect(toPlainValue(given).value).toEqual({
    a: [1, '1152921504606846976', null, null],
    b: { c: '1970-01-01T00:00:00.000Z', d: true },
    e: 'x',
  });
});

test('the size of a value grows with its strings and items', () => {
  expect(toPlainValue('x'.repeat(1000)).bytes).toBe(2008);
  expect(toPlainValue([1, 2, 3]).bytes).toBe(32);
});

test('bytes, half characters and too much depth are errors', () => {
  expect(() => toPlainValue([new Uint8Array(2)])).toThrow('bytes, not text');
  expect(() => toPlainValue('\ud800')).toThrow('half of a surrogate pair');
  let deep: unknown = 1;
  for (let i = 0; i < 70; i++) deep = [deep];
  expect(() => toPlainValue(deep)).toThrow('64 deep');
});

test('bytes that are not UTF-8 are an error instead of a replacement', () => {
  expect(() => STRICT_PARSERS.stringFromBytes(Buffer.from([0x61, 0xff])) as unknown).toThrow();
  expect(STRICT_PARSERS.stringFromBytes(Buffer.from('\ufeffä'))).toBe('\ufeffä');
});
