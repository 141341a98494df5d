import { nameOf, type Subject } from './hub-answer.ts';
import { HubError } from './hub-error.ts';
import { MAX_SHARDS } from './limits.ts';
import type { Select, Selection } from './selection.ts';

const CONFIG_FILE = 'config.json';
const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer.model'];
const SMALL_FILES = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'quantize_config.json',
];
const NAMES_SHOWN = 4;
const FIRST_PART = '00001';
const SPLIT_NAME = /^(?<stem>.*)-(?<part>\d{5})-of-(?<count>\d{5})\.gguf$/;

/** The files of a model in Hugging Face format: config, safetensors weights, tokenizer; no other format beside them. */
export function selectModel(subject: Subject): Select {
  return async (paths, read) => {
    const weights = await selectWeights(paths, read, subject);
    if (weights.length === 0) throw explainAbsence(paths, subject);
    if (!paths.has(CONFIG_FILE)) {
      throw new HubError(
        'unsupported',
        `${nameOf(subject)}: has no ${CONFIG_FILE}, so it is no model of transformers: name a repository that has one`,
      );
    }
    const small = [...TOKENIZER_FILES, ...SMALL_FILES].filter((path) => paths.has(path));
    return {
      files: [CONFIG_FILE, ...small, ...weights],
      certain: TOKENIZER_FILES.some((path) => paths.has(path)),
    };
  };
}

/** One GGUF file of a repository, with all its parts where it is split; the first part comes first. */
export function selectGguf(subject: Subject, file: string): Select {
  return (paths) => Promise.resolve(chooseGguf(paths, subject, file));
}

function chooseGguf(paths: ReadonlySet<string>, subject: Subject, file: string): Selection {
  if (!paths.has(file)) {
    const others = [...paths].filter(isFirstGguf).sort();
    const has = others.length === 0 ? 'and no other .gguf' : `but ${shorten(others)}`;
    throw new HubError('not-found', `${nameOf(subject)}: has no ${file}, ${has}`);
  }
  const split = SPLIT_NAME.exec(file)?.groups;
  if (!split) return { files: [file], certain: true };
  const count = Number(split.count);
  if (count > MAX_SHARDS) {
    throw new HubError('limit', `${nameOf(subject)}: ${file} has ${count} parts, more than ${MAX_SHARDS}`);
  }
  const parts = Array.from(
    { length: count },
    (_, i) => `${split.stem}-${String(i + 1).padStart(5, '0')}-of-${split.count}.gguf`,
  );
  const missing = parts.find((part) => !paths.has(part));
  if (missing !== undefined || count === 0) {
    throw new HubError(
      'damaged',
      `${nameOf(subject)}: has no ${missing ?? 'part of it'}, which ${file} calls for: name another file`,
    );
  }
  return { files: parts, certain: true };
}

async function selectWeights(
  paths: ReadonlySet<string>,
  read: (path: string) => Promise<Buffer>,
  subject: Subject,
): Promise<string[]> {
  if (paths.has(SINGLE_FILE)) return [SINGLE_FILE];
  if (!paths.has(INDEX_FILE)) return [];
  const shards = shardsOf(await read(INDEX_FILE), subject);
  const missing = shards.find((shard) => !paths.has(shard));
  if (missing !== undefined) {
    throw new HubError(
      'damaged',
      `${nameOf(subject)}: ${INDEX_FILE} names ${missing.slice(0, 80)}, which is not there: ` +
        'name a revision whose upload is complete',
    );
  }
  return [INDEX_FILE, ...shards];
}

function shardsOf(index: Buffer, subject: Subject): string[] {
  const names = new Set(Object.values(weightMap(index)));
  const shards = [...names].filter((name) => typeof name === 'string' && /^[^/]+\.safetensors$/.test(name));
  if (shards.length === 0 || shards.length < names.size || shards.length > MAX_SHARDS) {
    throw new HubError(
      'damaged',
      `${nameOf(subject)}: ${INDEX_FILE} has no weight_map that names 1 to ${MAX_SHARDS} .safetensors files beside it: ` +
        'name another revision',
    );
  }
  return (shards as string[]).sort();
}

function weightMap(index: Buffer): object {
  try {
    const { weight_map: map } = JSON.parse(index.toString('utf8')) as { weight_map?: unknown };
    return map !== null && typeof map === 'object' ? map : {};
  } catch {
    return {};
  }
}

function explainAbsence(paths: ReadonlySet<string>, subject: Subject): HubError {
  const { repository, revision } = subject;
  const ggufs = [...paths].filter(isFirstGguf).sort();
  if (ggufs.length > 0) {
    return new HubError(
      'unsupported',
      `${nameOf(subject)}: has GGUF files only: name one, e.g. ${repository}/${ggufs[0]}; it has ${shorten(ggufs)}`,
    );
  }
  if ([...paths].some((path) => /^pytorch_model.*\.bin$/.test(path))) {
    const pinned = revision === 'main' ? '' : `,revision='${revision}'`;
    const folder = repository.split('/')[1];
    return new HubError(
      'unsupported',
      `${nameOf(subject)}: has .bin weights only; convert with: python -c "from transformers import ` +
        `AutoModelForCausalLM as M, AutoTokenizer as T; n='${repository}'; ` +
        `[C.from_pretrained(n${pinned}).save_pretrained('${folder}') for C in (M,T)]" and give ./${folder}`,
    );
  }
  const found = shorten([...paths].filter((path) => !path.startsWith('.')).sort());
  return new HubError(
    'unsupported',
    `${nameOf(subject)}: has neither ${SINGLE_FILE} nor ${INDEX_FILE} (it has ${found}): name a repository with weights`,
  );
}

/** The other parts of a split file are not what a user names. */
function isFirstGguf(path: string): boolean {
  const part = SPLIT_NAME.exec(path)?.groups?.part;
  return path.endsWith('.gguf') && (part === undefined || part === FIRST_PART);
}

function shorten(names: readonly string[]): string {
  if (names.length === 0) return 'no files';
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${more}`;
}
