/** Writes the model and the rows of this overlay beside it: `node deploy/overlays/local/make-model.ts`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tinyRows, writeTinyModel, type TinyModelSpec } from '@blockpruner/testkit';

/**
 * Twelve blocks of random weights. In base64 they stay below the 256 KiB that `kubectl apply` keeps of an object in an
 * annotation.
 */
const MODEL: TinyModelSpec = {
  modelType: 'llama',
  seed: 1,
  layerCount: 6,
  hiddenSize: 32,
  intermediateSize: 80,
  headCount: 2,
  kvHeadCount: 2,
  headSize: 16,
  vocabSize: 256,
  tied: true,
  attentionBias: false,
  mlpBias: false,
  dtype: 'float16',
  shards: 1,
  ropeTheta: 10000,
  configStyle: 'old',
  normEpsilon: 1e-5,
};
const ROW_COUNT = 16;
const ROW_TOKENS = 128;

/** Writes `model/` and `rows.json` into a folder; the same bytes every time. */
export async function writeLocalInputs(folder: string): Promise<void> {
  const rows = tinyRows(MODEL.vocabSize, MODEL.seed, Array<number>(ROW_COUNT).fill(ROW_TOKENS));
  await mkdir(folder, { recursive: true });
  await writeTinyModel(join(folder, 'model'), MODEL);
  await writeFile(join(folder, 'rows.json'), `${JSON.stringify(rows.map((row) => [...row]))}\n`);
}

if (import.meta.main) await writeLocalInputs(import.meta.dirname);
