import { posix } from 'node:path';
import { nameOf, type Subject } from './hub-answer.ts';
import { HubError } from './hub-error.ts';
import type { Select, Selection } from './selection.ts';

/** `SPLIT_KEYWORDS` of the `datasets` library, `data_files.py`. */
const SPLIT_WORDS: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

/** `FILES_TO_IGNORE` there, as far as they have an extension that counts here. */
const NOT_DATA = new Set([
  'README.md',
  'config.json',
  'dataset_info.json',
  'dataset_infos.json',
  'dataset_dict.json',
]);

const SEPARATOR = '[-._ 0-9]';
const SHARDED = /^data\/(?<split>[^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;
const EXTENSION = /\.(?<extension>parquet|jsonl?|txt|md)(\.(gz|zst))?$/i;

/** Extensions that one reader takes; the earlier wins a draw, as there. */
const FORMATS = [['parquet'], ['jsonl', 'json'], ['txt', 'md']];

/**
 * The files of one split, sorted, found as `load_dataset` finds them where the dataset card does not say: by shard
 * names, else by words in folder names, else by words in file names, else all is `train`; of several formats the
 * commonest.
 */
export function selectSplit(subject: Subject, split: string): Select {
  return (paths) => Promise.resolve(chooseSplit(paths, subject, split));
}

function chooseSplit(paths: ReadonlySet<string>, subject: Subject, asked: string): Selection {
  const splits = findSplits([...paths].filter(isVisible).sort());
  const name = splits.has(asked) ? asked : canonical(asked);
  const inSplit = splits.get(name);
  if (inSplit === undefined) {
    const found =
      splits.size === 0 ? 'no data file' : `no split ${asked}, only ${[...splits.keys()].join(', ')}`;
    throw new HubError(
      'not-found',
      `${nameOf(subject)}: has ${found}: name one as ${exampleOf(subject, splits)}`,
    );
  }
  const files = ofOneFormat(inSplit);
  if (files.length === 0) {
    throw new HubError(
      'unsupported',
      `${nameOf(subject)}: the files of split ${name}, as ${inSplit[0]}, are none of .parquet, .jsonl, .json, .txt, .md ` +
        '(also .gz, .zst): convert them and give the folder',
    );
  }
  refuseSeveralConfigurations(files, name, subject);
  return { files, certain: false };
}

function exampleOf({ repository }: Subject, splits: ReadonlyMap<string, unknown>): string {
  const [first] = splits.keys();
  return first === undefined ? 'hf:org/name of another dataset' : `hf:${repository}:${first}`;
}

function isVisible(path: string): boolean {
  const parts = path.split('/');
  const name = parts[parts.length - 1];
  return (
    !NOT_DATA.has(name) &&
    parts.every((part) => !part.startsWith('.')) &&
    parts.slice(0, -1).every((part) => !part.startsWith('__'))
  );
}

/** The splits in the order in which they are told to the user. */
function findSplits(paths: readonly string[]): Map<string, string[]> {
  const sharded = new Map<string, string[]>();
  for (const path of paths) {
    const split = SHARDED.exec(path)?.groups?.split;
    if (split === undefined) continue;
    const files = sharded.get(split);
    if (files === undefined) sharded.set(split, [path]);
    else files.push(path);
  }
  if (sharded.size > 0) return sharded;
  for (const names of [folderNames, fileName]) {
    const splits = new Map<string, string[]>();
    for (const [split, words] of Object.entries(SPLIT_WORDS)) {
      const pattern = wordPattern(words);
      const files = paths.filter((path) => names(path).some((name) => pattern.test(name)));
      if (files.length > 0) splits.set(split, files);
    }
    if (splits.size > 0) return splits;
  }
  return new Map(paths.some((path) => EXTENSION.test(path)) ? [['train', [...paths]]] : []);
}

function wordPattern(words: readonly string[]): RegExp {
  return new RegExp(`(^|${SEPARATOR})(${words.join('|')})(${SEPARATOR}|$)`);
}

function folderNames(path: string): string[] {
  return path.split('/').slice(0, -1);
}

/** A file whose whole name is the word does not count, so only what has a separator behind it. */
function fileName(path: string): string[] {
  const [, beforeLastSeparator = ''] = /^(.*)[-._ 0-9]/.exec(posix.basename(path)) ?? [];
  return [beforeLastSeparator];
}

function canonical(asked: string): string {
  return Object.keys(SPLIT_WORDS).find((split) => SPLIT_WORDS[split].includes(asked)) ?? asked;
}

function ofOneFormat(paths: readonly string[]): string[] {
  const groups = FORMATS.map((extensions) => paths.filter((path) => extensions.includes(extensionOf(path))));
  return groups.reduce((best, group) => (group.length > best.length ? group : best));
}

function extensionOf(path: string): string {
  return EXTENSION.exec(path)?.groups?.extension.toLowerCase() ?? '';
}

/** Datasets with several configurations keep each in a folder of its own; all of them at once is not what anyone wants. */
function refuseSeveralConfigurations(files: readonly string[], split: string, subject: Subject): void {
  const ofSplit = SPLIT_WORDS[split] ? wordPattern(SPLIT_WORDS[split]) : null;
  const folders = new Set(
    files
      .map((path) => (path.includes('/') ? path.split('/')[0] : ''))
      .filter((folder) => !ofSplit?.test(folder)),
  );
  if (folders.size <= 1) return;
  const [first, second] = folders;
  throw new HubError(
    'unsupported',
    `${nameOf(subject)}: split ${split} lies in ${folders.size} folders (${first || '.'}, ${second || '.'} …), as if it were several datasets: ` +
      `fetch the one you want with hf download ${subject.repository} --repo-type dataset, and give its folder`,
  );
}
