import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spacePrefix } from './gguf-space-prefix.ts';

const REPLACE = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const PREPEND = { type: 'Prepend', prepend: '▁' };
const METASPACE = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false };

describe('the space in front of a text', () => {
  it('is that of a normalizer', () => {
    expect(spacePrefix([PREPEND, REPLACE], [])).toEqual({ isAdded: true, note: null });
    expect(spacePrefix([REPLACE], [])).toEqual({ isAdded: false, note: null });
  });

  it('is that of Metaspace', () => {
    expect(spacePrefix([], [{ ...METASPACE, prepend_scheme: 'never' }])).toEqual({
      isAdded: false,
      note: null,
    });
    // What the library takes where a file does not say.
    const unsaid = { type: 'Metaspace', replacement: '▁', split: false };
    expect(spacePrefix([], [unsaid])).toEqual(spacePrefix([], [{ ...METASPACE, prepend_scheme: 'always' }]));
    expect(spacePrefix([], [METASPACE])?.isAdded).toBe(true);
  });

  it.each<[string, unknown[], unknown[]]>([
    ['no replacement', [], []],
    ['the other order', [REPLACE, PREPEND], []],
    ['another space', [PREPEND, { ...REPLACE, content: '_' }], []],
    ['both', [REPLACE], [METASPACE]],
    ['two pre-tokenizers', [], [METASPACE, METASPACE]],
    ['words that are split', [], [{ ...METASPACE, split: true }]],
    ['a split that is not said', [], [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' }]],
    ['another replacement', [], [{ ...METASPACE, replacement: '_' }]],
    ['another scheme', [], [{ ...METASPACE, prepend_scheme: 'last' }]],
  ])('is not known of %s', (_, normalizers, preTokenizers) => {
    expect(spacePrefix(normalizers, preTokenizers)).toBeNull();
  });

  it('is not known of anything else', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.jsonValue()), (normalizers, preTokenizers) => {
        expect(spacePrefix(normalizers, preTokenizers)).toBeNull();
      }),
    );
  });
});
