import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import {
  CHECKPOINT_CACHE,
  SMOLLM2_GGUF,
  temporaryFolder,
  TINY_MODELS,
  tinyRows,
  writeTinyModel,
} from '@blockpruner/testkit';
import type { TinyModelName } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { GraphRunner, stageInput } from './graph-runner.ts';

/** Matrix products of few rows may take other kernels than those of many, so equality is shown here for each. */
const POSITIONS = [17, 33, 63];

/**
 * Holds every row of micro-batches of 1, 2, 4 and 8, on two threads too, against the row alone on one thread: its
 * baseline and its candidates.
 * @param positions lengths of the rows
 * @param forks the candidates, ascending
 */
async function expectIndependentRows(
  checkpoint: Checkpoint,
  positions: readonly number[],
  forks: readonly number[],
): Promise<void> {
  const fork = Array.from({ length: 2 * checkpoint.shape.layerCount }, (_, block) => forks.includes(block));
  const groups = forks.length + 1;
  const oneThread = await GraphRunner.load(checkpoint);
  const twoThreads = await GraphRunner.load(checkpoint, {}, 2);
  for (const count of positions) {
    const rows = tinyRows(checkpoint.shape.vocabSize, 9, new Array<number>(8).fill(count + 1));
    const alone: Float32Array[] = [];
    for (const row of rows) alone.push((await oneThread.run({ ...stageInput(checkpoint, [row]), fork })).nll);
    for (const [runner, threads, sizes] of [
      [oneThread, 1, [2, 4, 8]],
      [twoThreads, 2, [1, 8]],
    ] as const) {
      for (const size of sizes) {
        const { nll } = await runner.run({ ...stageInput(checkpoint, rows.slice(0, size)), fork });
        const expected = Array.from({ length: groups }, (_, group) =>
          alone.slice(0, size).flatMap((values) => [...values.subarray(group * count, (group + 1) * count)]),
        ).flat();
        const title = `rows of ${count} positions, ${size} together, ${threads} threads`;
        expect(nll, title).toEqual(Float32Array.from(expected));
      }
    }
  }
  await Promise.all([oneThread.close(), twoThreads.close()]);
}

it.each(Object.keys(TINY_MODELS) as TinyModelName[])(
  'gives rows of fewer than 64 positions the same bits in %s whatever shares their micro-batch',
  { timeout: 60_000 },
  async (name) => {
    const folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    await expectIndependentRows(checkpoint, [1, ...POSITIONS], [0, 3, 5]);
    folder.remove();
  },
);

it(
  'gives rows of fewer than 64 positions the same bits in SmolLM2 whatever shares their micro-batch',
  { timeout: 300_000 },
  async () => {
    const checkpoint = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
    await expectIndependentRows(checkpoint, POSITIONS, []);
  },
);

it(
  'gives short rows the same bits in head chunks of 1, 5 and 32 tokens as in one chunk a row',
  { timeout: 60_000 },
  async () => {
    const checkpoint = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
    const runner = await GraphRunner.load(checkpoint);
    const input = stageInput(checkpoint, tinyRows(checkpoint.shape.vocabSize, 9, [34, 34]));
    const { nll } = await runner.run(input);
    for (const chunkTokens of [1, 5, 32]) {
      expect((await runner.run({ ...input, chunkTokens })).nll).toEqual(nll);
    }
    await runner.close();
  },
);
