import { CalibrationError } from './calibration-error.ts';

/** One node of a tokenizer.json, as far as it is looked at here. */
type Json = Record<string, unknown>;

const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const PUNCTUATION = '[\\p{P}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E]';

/**
 * Rewrites the pre-tokenizers of a tokenizer.json, without changing what they mean, into forms for which
 * `@huggingface/tokenizers` gives the ids of the native library. Its own `Digits` and `Whitespace` know only
 * ASCII, its `ByteLevel` takes U+FEFF for white space and U+0085 for none, its `Metaspace` does not split, and
 * its `Split` and `Punctuation` treat most behaviors as `Isolated`.
 * @throws CalibrationError for a combination that has no such form
 */
export function withNativeSplits(tokenizer: Json): Json {
  return { ...tokenizer, pre_tokenizer: rewrite(tokenizer.pre_tokenizer) };
}

function rewrite(node: unknown): unknown {
  if (typeof node !== 'object' || node === null) return node;
  const config = node as Json;
  switch (config.type) {
    case 'Sequence':
      return Array.isArray(config.pretokenizers) ? sequence(config.pretokenizers.map(rewrite)) : config;
    case 'Digits':
      return isolate(config.individual_digits === true ? '\\p{N}' : '\\p{N}+');
    case 'ByteLevel':
      return config.use_regex === false ? config : byteLevel(config);
    case 'Metaspace':
      return config.split === false ? config : metaspace(config);
    case 'Whitespace':
      return keepMatches('\\w+|[^\\w\\s]+');
    case 'WhitespaceSplit':
      return keepMatches('\\S+');
    case 'Punctuation':
      return split(PUNCTUATION, config.behavior ?? 'Isolated', false);
    case 'Split':
      return split(patternSource(config.pattern), config.behavior, config.invert === true);
    default:
      return config;
  }
}

function byteLevel(config: Json): Json {
  const prefix = { type: 'Replace', pattern: { Regex: '\\A[^ ]' }, content: ' $&' };
  const bytes = { ...config, add_prefix_space: false, use_regex: false };
  const words = [isolate(GPT2_WORDS), bytes];
  return sequence(config.add_prefix_space === true ? [prefix, ...words] : words);
}

function metaspace(config: Json): Json {
  const mark = typeof config.replacement === 'string' ? config.replacement : '\u2581';
  return sequence([config, split(escapeRegex(mark), 'MergedWithNext', false)]);
}

function split(source: string, behavior: unknown, invert: boolean): Json {
  if (behavior === 'Isolated') return isolate(source);
  if (behavior === 'Removed' && invert) return keepMatches(source);
  if (!invert) {
    if (behavior === 'Removed') return { type: 'Split', pattern: { Regex: source }, behavior, invert };
    if (behavior === 'Contiguous') return isolate(`(?:${source})+`);
    // The end of the text is an alternative, or a text without a match would be scanned from every position.
    if (behavior === 'MergedWithPrevious') return isolate(`[\\s\\S]*?(?:${source}|\\z)`);
    if (behavior === 'MergedWithNext') return isolate(`(?:${source})[\\s\\S]*?(?=${source}|\\z)`);
  }
  throw new CalibrationError(
    'tokenizer',
    `tokenizer.json: a pre-tokenizer splits with behavior ${JSON.stringify(behavior)} and invert ${invert}, ` +
      'which is not supported; give token-id arrays, which need no tokenizer',
  );
}

function patternSource(pattern: unknown): string {
  const { Regex: regex, String: text } = (pattern ?? {}) as Json;
  if (typeof regex === 'string') return regex;
  if (typeof text === 'string') return escapeRegex(text);
  throw new CalibrationError(
    'tokenizer',
    'tokenizer.json: a pre-tokenizer splits on neither a Regex nor a String',
  );
}

function isolate(regex: string): Json {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

function keepMatches(regex: string): Json {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Removed', invert: true };
}

function sequence(pretokenizers: unknown[]): Json {
  return { type: 'Sequence', pretokenizers };
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
