import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from './checkpoint-error.ts';
import { MAX_TOKENIZER_BYTES } from './companion-files.ts';
import { readConfigFile } from './config-file.ts';
import { integerField, stringField, type Fields } from './field.ts';
import { readFileIfThere } from './file-bytes.ts';
import { readGgufModel } from './gguf-split.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { ggufTokenizerKeys, type GgufTokenizerKeys } from './gguf-tokenizer-keys.ts';
import { LIMITS } from './limits.ts';
import { locateModel } from './locate-model.ts';

/** Some list thousands of added tokens, which takes a few MB. */
const MAX_TOKENIZER_CONFIG_BYTES = 2 ** 26;
/** The longest templates have some tens of KiB. */
const MAX_TEMPLATE_BYTES = 2 ** 22;

/** Why a model has no tokenizer, in half a line. */
export interface TokenizerAbsence {
  readonly reason: string;
  /** How to write one from what is there; null where nothing of it is. */
  readonly wayOut: string | null;
}

/** A model's tokenizer as its files hold it; nothing of it is checked yet. */
export interface TokenizerFiles {
  /** What errors name, absolute: the Hugging Face folder or the GGUF. */
  readonly source: string;
  /** Rows of the embedding: every token id is below. */
  readonly vocabSize: number;
  /** The text of tokenizer.json, or what a GGUF's tokenizer amounts to; null when there is none. */
  readonly tokenizerJson: string | null;
  /** Null when there is one. */
  readonly absence: TokenizerAbsence | null;
  /** The fields of tokenizer_config.json, empty when there is none. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The Jinja source that renders a chat; null when the model has none. */
  readonly chatTemplate: string | null;
}

/**
 * Reads a model's tokenizer and chat template without its weights: the files of a Hugging Face folder, or what the
 * metadata of a GGUF amounts to.
 * @throws CheckpointError when a file that is there cannot be read
 */
export async function readTokenizerFiles(modelPath: string): Promise<TokenizerFiles> {
  const located = await locateModel(modelPath);
  return located.kind === 'folder' ? readFolder(located.folder) : readGguf(located.file);
}

async function readFolder(source: string): Promise<TokenizerFiles> {
  const modelConfig = await readConfigFile(join(source, 'config.json'));
  if (modelConfig === null) {
    throw new CheckpointError(
      'not-found',
      `${join(source, 'config.json')}: does not exist: name a Hugging Face folder or a .gguf file`,
    );
  }
  const config = await readConfigFile(join(source, 'tokenizer_config.json'), MAX_TOKENIZER_CONFIG_BYTES);
  const tokenizerJson = await readText(join(source, 'tokenizer.json'), MAX_TOKENIZER_BYTES);
  return {
    source,
    vocabSize: integerField(modelConfig, 'vocab_size', LIMITS.vocabSize),
    tokenizerJson,
    absence: tokenizerJson === null ? await explainAbsence(source) : null,
    config: config?.values ?? {},
    chatTemplate: await readChatTemplate(source, config),
  };
}

/**
 * What a GGUF says of the tokenizer of a Hugging Face folder, or why it cannot; null when the folder has none.
 * @throws CheckpointError when a file that is there is damaged
 */
export async function readGgufTokenizerKeys(folder: string): Promise<GgufTokenizerKeys | null> {
  const files = await readFolder(folder);
  if (files.tokenizerJson === null) return null;
  const config = await readConfigFile(join(folder, 'config.json'));
  // Some name several tokens that end a text: the tokenizer's own is first then.
  const idOf = (name: 'bos' | 'eos' | 'pad') => {
    const given = config?.values[`${name}_token_id`];
    return typeof given === 'number' && Number.isSafeInteger(given) && given >= 0 ? given : null;
  };
  return ggufTokenizerKeys(files, { bos: idOf('bos'), eos: idOf('eos'), pad: idOf('pad') });
}

async function explainAbsence(folder: string): Promise<TokenizerAbsence> {
  const sentencePiece = await stat(join(folder, 'tokenizer.model')).catch(() => null);
  if (sentencePiece === null) {
    const reason = `${join(folder, 'tokenizer.json')}: no such file, and a text needs a tokenizer`;
    return { reason, wayOut: null };
  }
  const name = JSON.stringify(folder).replaceAll('"', "'");
  return {
    reason: `${folder}: has tokenizer.model but no tokenizer.json`,
    wayOut: `write it: python -c "from transformers import AutoTokenizer as T; T.from_pretrained(${name}).save_pretrained(${name})"`,
  };
}

/** A Jinja file wins over the field, as in transformers; chat_template.json is where processors of images had it. */
async function readChatTemplate(folder: string, config: Fields | null): Promise<string | null> {
  const jinja = await readText(join(folder, 'chat_template.jinja'), MAX_TEMPLATE_BYTES);
  const template = jinja ?? (config && templateField(config));
  if (template !== null) return template;
  const json = await readConfigFile(join(folder, 'chat_template.json'), MAX_TEMPLATE_BYTES);
  return json && templateField(json);
}

/** One template, or several by name, of which the one named `default` counts. */
function templateField({ file, values }: Fields): string | null {
  const { chat_template: given } = values;
  if (!Array.isArray(given)) return stringField({ file, values }, 'chat_template', '') || null;
  const named = given.find((entry: unknown) => (entry as { name?: unknown } | null)?.name === 'default') as
    { template?: unknown } | undefined;
  if (typeof named?.template === 'string') return named.template;
  throw new CheckpointError(
    'malformed',
    `${file}: chat_template is a list without a template named "default"`,
  );
}

async function readText(path: string, maxBytes: number): Promise<string | null> {
  const bytes = await readFileIfThere(path, maxBytes);
  if (bytes === null) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CheckpointError('malformed', `${path}: is not UTF-8`, { cause: error });
  }
}

async function readGguf(source: string): Promise<TokenizerFiles> {
  const gguf = await readGgufModel(source);
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined) {
    throw new CheckpointError('missing-tensor', `${source}: tensor token_embd.weight is missing`);
  }
  const vocabSize = embedding.shape[0];
  const { files, note } = ggufTokenizer(gguf.first, vocabSize);
  const config = (files?.tokenizerConfig ?? {}) as Record<string, unknown>;
  return {
    source,
    vocabSize,
    tokenizerJson: files && JSON.stringify(files.tokenizer),
    absence: note === null ? null : { reason: note, wayOut: null },
    config,
    chatTemplate: templateField({ file: source, values: config }),
  };
}
