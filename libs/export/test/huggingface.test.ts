import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseMask, repack, type Mask } from '@blockpruner/blocks';
import { temporaryFolder, TINY_MODELS, writeTinyModel, type TinyModelName } from '@blockpruner/testkit';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportFolder, open, tensorPairs, valuesOf } from './opened-export.ts';

const NAMES = Object.keys(TINY_MODELS) as TinyModelName[];
/** The format of models without some blocks has no window. */
const WITHOUT_WINDOW = NAMES.filter((name) => name !== 'mistral-window');

const folder = temporaryFolder();
const sourceOf = (name: TinyModelName): string => join(folder.path, name);
beforeAll(async () => {
  for (const name of NAMES) await writeTinyModel(sourceOf(name), TINY_MODELS[name]);
});
afterAll(() => folder.remove());

let count = 0;
const newOutput = (): string => join(folder.path, `export-${count++}`);

/** Masks that leave at least one block of the 8. */
const masks = fc.uniqueArray(fc.nat(7), { maxLength: 7 }).map((blocks): Mask => blocks.sort((a, b) => a - b));

/** Row-major values of a matrix or vector, with zeros up to a larger shape. */
function padded(values: readonly number[], from: readonly number[], to: readonly number[]): number[] {
  const [rows, columns] = from.length === 1 ? [1, from[0]] : from;
  const [toRows, toColumns] = to.length === 1 ? [1, to[0]] : to;
  return Array.from({ length: toRows * toColumns }, (_, i) => {
    const [row, column] = [Math.floor(i / toColumns), i % toColumns];
    return row < rows && column < columns ? values[row * columns + column] : 0;
  });
}

describe('a Hugging Face folder of a pruned model', () => {
  it('holds the live tensors of the source, padded with zeros, and no others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...WITHOUT_WINDOW), masks, async (name, mask) => {
        const source = await open(sourceOf(name));
        const output = newOutput();
        await exportFolder(source, mask, output);
        const written = await open(output);
        const packed = repack(source.shape, mask);
        expect(written.layers.map(({ mha, mlp }) => [mha !== null, mlp !== null])).toEqual(
          packed.map(({ mha, mlp }) => [mha !== null, mlp !== null]),
        );
        expect(written.rope).toEqual(source.rope);
        expect(written.normEpsilon).toBe(source.normEpsilon);
        expect(written.shape.headSize).toBe(source.shape.headSize);
        for (const pair of tensorPairs(written, source, packed)) {
          expect(pair.written.dtype).toBe(source.embedding.dtype);
          const values = pair.source === null ? [] : await valuesOf(pair.source);
          const shape = pair.source?.shape ?? pair.shape.map(() => 0);
          expect(await valuesOf(pair.written)).toEqual(padded(values, shape, pair.shape));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('of which every layer has both blocks is a plain model of the same family', async () => {
    for (const name of NAMES) {
      const source = await open(sourceOf(name));
      const output = newOutput();
      const { notes } = await exportFolder(source, parseMask('mlp.1+mha.2', 4), output);
      const written = await open(output);
      expect(notes).toEqual([]);
      expect(written.modelType).toBe(source.modelType);
      expect(written.slidingWindowTokens).toBe(source.slidingWindowTokens);
      expect(written.shape).toMatchObject({ layerCount: 3, intermediateSize: source.shape.intermediateSize });
      expect(readdirSync(output).sort()).toEqual(['README.md', 'config.json', 'model.safetensors']);
    }
  });
});
