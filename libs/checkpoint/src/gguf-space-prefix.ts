import { isDeepStrictEqual } from 'node:util';

/** What a tokenizer of SentencePiece does about the space in front of a text, as far as a GGUF can say it. */
export interface SpacePrefix {
  /** `tokenizer.ggml.add_space_prefix`: llama.cpp puts one in front of a text and of what follows a special token. */
  readonly isAdded: boolean;
  /** Where the tokenizer puts none and llama.cpp does; null when nowhere. */
  readonly note: string | null;
}

const REPLACE = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const PREPEND = { type: 'Prepend', prepend: '▁' };

/**
 * The space in front of a text of a tokenizer.json of SentencePiece, or null when it has none of the known forms: a
 * normalizer, as the files of Llama 2 have it, or the pre-tokenizer Metaspace, as newer conversions do.
 */
export function spacePrefix(
  normalizers: readonly unknown[],
  preTokenizers: readonly unknown[],
): SpacePrefix | null {
  if (preTokenizers.length === 0) {
    if (isDeepStrictEqual(normalizers, [PREPEND, REPLACE])) return { isAdded: true, note: null };
    return isDeepStrictEqual(normalizers, [REPLACE]) ? { isAdded: false, note: null } : null;
  }
  return normalizers.length === 0 && preTokenizers.length === 1 ? ofMetaspace(preTokenizers[0]) : null;
}

interface Metaspace {
  readonly type?: unknown;
  readonly replacement?: unknown;
  readonly prepend_scheme?: unknown;
  readonly split?: unknown;
}

/** One that splits is not known: it keeps runs of spaces apart, which llama.cpp merges. */
function ofMetaspace(step: unknown): SpacePrefix | null {
  const { type, replacement, prepend_scheme: scheme = 'always', split = true } = (step ?? {}) as Metaspace;
  if (type !== 'Metaspace' || replacement !== '▁' || split !== false) return null;
  switch (scheme) {
    case 'never':
      return { isAdded: false, note: null };
    case 'always':
      return { isAdded: true, note: 'llama.cpp adds a space to text that begins with one already' };
    case 'first':
      return {
        isAdded: true,
        note: 'llama.cpp adds a space to text that begins with one already, and to text after a special token',
      };
    default:
      return null;
  }
}
