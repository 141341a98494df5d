import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDuplicateKey } from './json-keys.ts';

describe('findDuplicateKey', () => {
  it.each([
    ['{"a":1,"b":{"a":2,"c":3},"c":["a","a","b"],"d":"a"}', null],
    ['{"a":1,"b":{"a":2,"a":3}}', 'a'],
    ['[{"a":1},{"a":2,"b":[{"c":1,"c":2}]}]', 'c'],
    ['{"a":1,"b":2,"a":3}', 'a'],
    ['{ "a" : 1 , "\\u0061" : 2 }', 'a'],
    ['{"x\\"":{},"y\\\\":[],"x\\"":"{"}', 'x"'],
    ['{}', null],
  ])('%s has the duplicate %s', (text, duplicate) => {
    expect(findDuplicateKey(text)).toBe(duplicate);
  });

  it('finds none in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        expect(findDuplicateKey(JSON.stringify(object, null, 1))).toBeNull();
      }),
    );
  });
});
