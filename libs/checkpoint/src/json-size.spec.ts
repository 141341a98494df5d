import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excessOfJson } from './json-size.ts';

describe('excessOfJson', () => {
  it('allows 64 levels, and brackets in strings', () => {
    expect(excessOfJson('['.repeat(64) + ']'.repeat(64))).toBeNull();
    expect(excessOfJson('['.repeat(65))).toBe('nests deeper than 64 levels');
    expect(excessOfJson(`{"a":"${'['.repeat(100)}","\\"${'{'.repeat(100)}":1}`)).toBeNull();
  });

  it('counts values of every kind', () => {
    expect(excessOfJson(`[${'0,'.repeat(2 ** 20)}0]`)).toBe('holds more than 1048576 values');
    expect(excessOfJson(`[${'[],'.repeat(2 ** 19)}[]]`)).toBe('holds more than 1048576 values');
    expect(excessOfJson(`["${','.repeat(2 ** 21)}"]`)).toBeNull();
  });

  it('ends for any text, valid or not', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",\\a') }), (text) => {
        expect(excessOfJson(text)).toBeNull();
      }),
    );
  });
});
