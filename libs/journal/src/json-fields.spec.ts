import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, encodeJson, readNumber } from './json-fields.ts';

describe('encodeJson', () => {
  it('writes non-finite numbers as strings', () => {
    expect(encodeJson([NaN, Infinity, -Infinity, 0.1])).toBe('["NaN","Infinity","-Infinity",0.1]');
  });

  it('gives back every number but the sign of zero', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(readNumber(JSON.parse(encodeJson(value)), 'value')).toBe(value === 0 ? 0 : value);
      }),
    );
  });
});

describe('canonicalJson', () => {
  it('sorts keys at every depth and keeps the order of arrays', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }, 3], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1},3]}');
  });
});

describe('readNumber', () => {
  it.each(['1', '', null, undefined, 'nan', [1]])('refuses %j', (value) => {
    expect(() => readNumber(value, 'score')).toThrow(/^score is .*, expected a number$/);
  });
});
