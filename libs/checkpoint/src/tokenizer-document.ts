import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, objectField, stringField, type Fields } from './field.ts';
import { excessOfJson } from './json-size.ts';
import { LIMITS } from './limits.ts';

/** Four times what the largest have: a vocabulary of 2^18 tokens with its merges in pairs. */
const MAX_VALUES = 2 ** 23;

/** A token that is found in a text before anything else is. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Whether it is found in any other way than as it is, anywhere in the text. */
  readonly isParticular: boolean;
  /** Whether it is looked for in the normalized text. */
  readonly normalized: boolean;
}

/** A tokenizer.json of BPE, read as far as a text's ids depend on it. */
export interface TokenizerDocument {
  /** Of the vocabulary and the added tokens. */
  readonly ids: ReadonlyMap<string, number>;
  readonly merges: readonly string[];
  readonly addedTokens: readonly AddedToken[];
  /** The steps of each, without the sequences that they are in. */
  readonly normalizers: readonly unknown[];
  readonly preTokenizers: readonly unknown[];
  readonly decoders: readonly unknown[];
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
  readonly fuseUnknown: boolean;
  readonly unknownToken: string | null;
  /** Token ids that go in front of every text, and behind it. */
  readonly front: readonly number[];
  readonly behind: readonly number[];
}

function malformed(file: string, reason: string): CheckpointError {
  return new CheckpointError('malformed', `${file}: ${reason}`);
}

/**
 * Reads a tokenizer.json.
 * @returns a text when it is sound but no BPE tokenizer that can be described so: why
 * @throws CheckpointError when it is damaged
 */
export function readTokenizerDocument(text: string, file: string): TokenizerDocument | string {
  const root = parse(text, file);
  const model = objectField(root, 'model');
  if (model === null) throw malformed(file, 'model is missing');
  const kind = stringField(model, 'type', 'BPE');
  if (kind !== 'BPE') return `its model is ${kind.slice(0, 40)}, not BPE`;
  const { continuing_subword_prefix: prefix, dropout, end_of_word_suffix: suffix } = model.values;
  if (prefix || suffix || dropout) return 'its BPE has a prefix, a suffix or dropout';
  const addedTokens = readAddedTokens(root);
  const around = readPostProcessor(root.values.post_processor);
  if (typeof around === 'string') return around;
  return {
    ids: readIds(model, addedTokens),
    merges: readMerges(model),
    addedTokens,
    normalizers: stepsOf(root.values.normalizer, 'normalizers'),
    preTokenizers: stepsOf(root.values.pre_tokenizer, 'pretokenizers'),
    decoders: stepsOf(root.values.decoder, 'decoders'),
    byteFallback: booleanField(model, 'byte_fallback', false),
    ignoreMerges: booleanField(model, 'ignore_merges', false),
    fuseUnknown: booleanField(model, 'fuse_unk', false),
    unknownToken: stringField(model, 'unk_token', '') || null,
    ...around,
  };
}

function parse(text: string, file: string): Fields {
  const excess = excessOfJson(text, MAX_VALUES);
  if (excess !== null) throw malformed(file, excess);
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError('malformed', `${file}: is not JSON`, { cause: error });
  }
  const fields = objectField({ file, values: { tokenizer: values } }, 'tokenizer');
  return { file, values: fields?.values ?? {} };
}

/** @param list the key of a sequence's steps */
function stepsOf(given: unknown, list: 'normalizers' | 'pretokenizers' | 'decoders'): unknown[] {
  if (given === undefined || given === null) return [];
  const { type, [list]: steps } = given as { readonly type?: unknown } & Record<string, unknown>;
  return type === 'Sequence' && Array.isArray(steps)
    ? steps.flatMap((step: unknown) => stepsOf(step, list))
    : [given];
}

function readAddedTokens(root: Fields): AddedToken[] {
  const list = root.values.added_tokens ?? [];
  if (!Array.isArray(list)) throw malformed(root.file, 'added_tokens is not a list');
  return list.map((_, i) => {
    const token = objectField({ file: root.file, values: list as unknown as Fields['values'] }, String(i));
    if (token === null) throw malformed(root.file, `added_tokens ${i} is null`);
    const flag = (key: string) => booleanField(token, key, false);
    return {
      id: integerField(token, 'id', { min: 0, max: LIMITS.vocabSize.max }),
      content: stringField(token, 'content'),
      special: flag('special'),
      isParticular: flag('single_word') || flag('lstrip') || flag('rstrip'),
      normalized: flag('normalized'),
    };
  });
}

function readIds(model: Fields, addedTokens: readonly AddedToken[]): Map<string, number> {
  const vocab = objectField(model, 'vocab');
  if (vocab === null) throw malformed(model.file, 'vocab is missing');
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab.values)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) > LIMITS.vocabSize.max)
      throw malformed(vocab.file, `${JSON.stringify(token.slice(0, 40))} has the id ${String(id)}`);
    ids.set(token, id as number);
  }
  for (const { content, id } of addedTokens) ids.set(content, id);
  return ids;
}

/** Older files have each as a text, newer ones as a pair. */
function readMerges(model: Fields): string[] {
  const { merges = [] } = model.values;
  if (!Array.isArray(merges)) throw malformed(model.file, 'merges is not a list');
  return merges.map((merge: unknown, rank) => {
    const isPair = Array.isArray(merge) && merge.length === 2;
    const text: unknown = isPair && merge.every((part) => typeof part === 'string') ? merge.join(' ') : merge;
    if (typeof text === 'string') return text;
    throw malformed(model.file, `merges ${rank} is neither a text nor a pair of texts`);
  });
}

interface Processor {
  readonly type?: unknown;
  readonly processors?: unknown;
  readonly single?: unknown;
  readonly special_tokens?: unknown;
}

/** What it puts around a text, or why that cannot be told. A ByteLevel changes nothing but offsets. */
function readPostProcessor(given: unknown): Pick<TokenizerDocument, 'front' | 'behind'> | string {
  const list = (given as Processor | null)?.type === 'Sequence' ? (given as Processor).processors : [given];
  if (!Array.isArray(list)) return 'its post-processor has no list of processors';
  const others = (list as (Processor | null | undefined)[]).filter(
    (processor) => processor != null && processor.type !== 'ByteLevel',
  );
  if (others.length === 0) return { front: [], behind: [] };
  const [template] = others;
  if (others.length > 1 || template?.type !== 'TemplateProcessing' || !Array.isArray(template.single))
    return `its post-processor is ${String(template?.type).slice(0, 40)}, not one template`;
  const front: number[] = [];
  const behind: number[] = [];
  let side = front;
  for (const piece of template.single as ({ SpecialToken?: { id?: unknown } } | null)[]) {
    const id = piece?.SpecialToken?.id;
    if (id === undefined) {
      side = behind;
      continue;
    }
    const tokens = template.special_tokens as Record<string, { ids?: unknown } | undefined> | undefined;
    const ids = typeof id === 'string' ? tokens?.[id]?.ids : null;
    if (!Array.isArray(ids)) return 'a token of its post-processor has no id';
    side.push(...(ids as number[]));
  }
  return { front, behind };
}
