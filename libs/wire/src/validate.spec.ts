import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutReason, flag, present, reason, whole, wholes } from './validate.ts';

describe('cutReason', () => {
  it('gives one well-formed line of at most 400 characters for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 900 }), (text) => {
        const line = cutReason(text);
        expect(line.length).toBeLessThanOrEqual(400);
        expect(line.isWellFormed()).toBe(true);
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(cutReason(line)).toBe(line);
      }),
    );
  });

  it('never cuts a character in half', () => {
    expect(cutReason(`${'x'.repeat(398)}😀😀`)).toBe(`${'x'.repeat(398)}…`);
  });

  it('mends half a character that was sent', () => {
    expect(cutReason('a\ud800b')).toBe('a\ufffdb');
  });
});

describe('checks', () => {
  it('name the field, the value and the rule', () => {
    expect(() => whole(1, 9)(10, 'a.b')).toThrow('a.b is 10: must be a whole number from 1 to 9');
    expect(() => whole(1, 9)(1.5, 'a.b')).toThrow('a.b is 1.5: must be');
    expect(() => whole(1, 9)('2', 'a.b')).toThrow('a.b is "2": must be');
    expect(() => wholes(1, 9, 0, 5)([1, 0], 'a.b')).toThrow('a.b[1] is 0: must be');
    expect(() => wholes(1, 9, 0, 5)(undefined, 'a.b')).toThrow('a.b is missing: must be a list');
    expect(() => flag(1, 'a.b')).toThrow('a.b is 1: must be true or false');
    expect(() => reason(undefined, 'a.b')).toThrow('a.b is missing: must be text');
    expect(() => present(null, 'a.b')).toThrow('a.b is missing: must be present');
  });
});
