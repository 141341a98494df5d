import { closeSync, openSync, writeSync } from 'node:fs';
import { CPU_SHAPE_PLAN, parseMask, type Mask } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { rowMeanNats } from '@blockpruner/perplexity';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyModelReference,
  tinyReferenceRows,
  writeTinyModel,
} from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OracleEvaluator, SweepEvaluator } from '../src/index.ts';

/** fp32 of transformers is itself up to 1.6e-6 nats from float64 on these models. */
const TOLERANCE_NATS = 5e-6;

const reference = tinyModelReference();

describe.each(Object.keys(TINY_MODELS) as TinyModelName[])('%s', (name) => {
  const rows = tinyReferenceRows(name).map((tokenIds, index) => ({ index, tokenIds }));
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;
  let oracle: OracleEvaluator;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    oracle = await OracleEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
  });
  afterAll(async () => {
    await oracle.close();
    folder.remove();
  });

  const rowMeans = async (mask: Mask): Promise<number[]> => {
    const means: number[] = [];
    await oracle.evaluate({ base: mask, candidates: [], baseline: true }, rows, CPU_SHAPE_PLAN, ([cell]) => {
      means[cell.row] = rowMeanNats(cell.windowSums, rows[cell.row].tokenIds.length - 1);
    });
    return means;
  };

  it('gives the numbers of transformers for the dense model and every mask', async () => {
    const { dense, masks } = reference.models[name];
    let largest = 0;
    for (const [text, expected] of [['dense', dense] as const, ...Object.entries(masks)]) {
      const means = await rowMeans(parseMask(text));
      expected.forEach((value, row) => (largest = Math.max(largest, Math.abs(means[row] - value))));
    }
    process.stdout.write(`${name}: largest difference to transformers ${largest.toExponential(2)} nats\n`);
    expect(largest).toBeLessThan(TOLERANCE_NATS);
  });

  it.each([
    { threads: 1, microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 },
    { threads: 2, microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 },
    { threads: 1, microBatchRows: 2, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 },
    { threads: 1, microBatchRows: 1, segmentCandidates: 3, headChunkTokens: 64, rowBucketTokens: 1 },
    { threads: 2, microBatchRows: 2, segmentCandidates: 8, headChunkTokens: 32, rowBucketTokens: 1 },
  ])('sweeps to the same bits as the oracle with %o', async ({ threads, ...plan }) => {
    const sweep = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads });
    for (const base of [[], [2, 5]]) {
      const candidates = [0, 1, 2, 3, 4, 5, 6, 7].filter((block) => !base.includes(block));
      const request = { base, candidates, baseline: true };
      const expected = new Map<string, Float64Array>();
      await oracle.evaluate(request, rows, plan, ([cell]) => {
        expected.set(`${cell.candidate}/${cell.row}`, cell.windowSums);
      });
      let count = 0;
      await sweep.evaluate(request, rows, plan, (cells) => {
        for (const cell of cells) {
          expect(cell.windowSums, `${cell.candidate}/${cell.row}`).toEqual(
            expected.get(`${cell.candidate}/${cell.row}`),
          );
          count++;
        }
      });
      expect(count).toBe(expected.size);
    }
    await sweep.close();
  });
});

describe('a model that computes no number', () => {
  it('is reported with the first block at fault, and is not worth another try', async () => {
    const folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS['llama-mha-tied']);
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const { weight } = checkpoint.layers[2].mlp!.down;
    const huge = new Float32Array(weight.lengthBytes / 4).fill(3e38);
    const file = openSync(weight.file, 'r+');
    writeSync(file, new Uint8Array(huge.buffer), 0, weight.lengthBytes, weight.offsetBytes);
    closeSync(file);

    const sweep = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
    const rows = tinyReferenceRows('llama-mha-tied').map((tokenIds, index) => ({ index, tokenIds }));
    const dense = { base: [], candidates: [], baseline: true };
    await expect(sweep.evaluate(dense, rows, CPU_SHAPE_PLAN, () => undefined)).rejects.toThrow(
      /^mlp\.2 of the model \(mask dense\) computes values that are not finite on row 0/,
    );
    const cells: number[] = [];
    await sweep.evaluate({ base: [5], candidates: [0], baseline: true }, rows, CPU_SHAPE_PLAN, (batch) =>
      cells.push(...batch.map((cell) => cell.windowSums[0])),
    );
    expect(cells.every(Number.isFinite)).toBe(true);
    await sweep.close();
    folder.remove();
  });
});
