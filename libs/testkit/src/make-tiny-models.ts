/** Writes every tiny model and `rows.json` into a folder: `node libs/testkit/src/make-tiny-models.ts OUT`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeTinyModel } from './tiny-model.ts';
import { TINY_MODELS, tinyReferenceRows, type TinyModelName } from './tiny-models.ts';

const out = process.argv[2];
if (out === undefined)
  throw new Error('name the folder to write to: node libs/testkit/src/make-tiny-models.ts OUT');

const rows: Record<string, number[][]> = {};
for (const name of Object.keys(TINY_MODELS) as TinyModelName[]) {
  await writeTinyModel(path.join(out, name), TINY_MODELS[name]);
  rows[name] = tinyReferenceRows(name).map((row) => [...row]);
}
await writeFile(path.join(out, 'rows.json'), JSON.stringify(rows));
