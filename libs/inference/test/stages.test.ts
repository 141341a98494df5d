import { closeSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CPU_SHAPE_PLAN, type ShapePlan, type Sweep } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { cellKey, type Cell, type Evaluator, type IndexedRow } from '@blockpruner/perplexity';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
  type TinyModelName,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OracleEvaluator, StagedEvaluator } from '../src/index.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const SESSION = { device: 'cpu', threads: 1 };
const MEMORY = 2 ** 20;
/** Four states of the longest row where the model's width is 64: below what all candidates of the row take. */
const TINY_BUDGET = 4 * 79 * 64 * 4;
/** Every wave loads its stages, on a machine that others may share. */
const TIMEOUT_MS = 60_000;

/** Two rows of one length and a shorter one. */
const rowsOf = (name: TinyModelName): IndexedRow[] =>
  tinyReferenceRows(name)
    .slice(0, 3)
    .map((tokenIds, index) => ({ index, tokenIds }));

async function cellsBy(
  evaluator: Evaluator,
  sweep: Sweep,
  rows: readonly IndexedRow[],
  plan: ShapePlan,
): Promise<Map<string, Float64Array>> {
  const values = new Map<string, Float64Array>();
  await evaluator.evaluate(sweep, rows, plan, (cells: Cell[]) => {
    for (const cell of cells) {
      expect(values.has(cellKey(cell)), `${cellKey(cell)} twice`).toBe(false);
      values.set(cellKey(cell), cell.windowSums);
    }
  });
  return values;
}

describe.each(['llama-gqa-untied', 'llama-bf16-sharded'] satisfies TinyModelName[])(
  '%s in stages',
  (name) => {
    const rows = rowsOf(name);
    const sweeps: Sweep[] = [
      { base: [], candidates: ALL, baseline: true },
      { base: [2, 5], candidates: [0, 3, 7], baseline: true },
      { base: [6, 7], candidates: [4], baseline: false },
      { base: [0, 1], candidates: [2, 4, 6], baseline: true, unit: 'layer' },
    ];
    const expected: Map<string, Float64Array>[] = [];
    let folder: TemporaryFolder;
    let checkpoint: Checkpoint;

    beforeAll(async () => {
      folder = temporaryFolder();
      await writeTinyModel(folder.path, TINY_MODELS[name]);
      checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
      const oracle = await OracleEvaluator.load(checkpoint, SESSION);
      for (const sweep of sweeps) expected.push(await cellsBy(oracle, sweep, rows, CPU_SHAPE_PLAN));
      await oracle.close();
    });
    afterAll(() => folder.remove());

    it.each([
      { stages: 1, stateBudgetBytes: 0, diskBudgetBytes: 0, microBatchRows: 1, segmentCandidates: 1 },
      { stages: 2, stateBudgetBytes: MEMORY, diskBudgetBytes: 0, microBatchRows: 1, segmentCandidates: 1 },
      { stages: 2, stateBudgetBytes: 0, diskBudgetBytes: MEMORY, microBatchRows: 2, segmentCandidates: 3 },
      { stages: 2, stateBudgetBytes: 0, diskBudgetBytes: 0, microBatchRows: 2, segmentCandidates: 1 },
      { stages: 4, stateBudgetBytes: MEMORY, diskBudgetBytes: 0, microBatchRows: 2, segmentCandidates: 1 },
      {
        stages: 4,
        stateBudgetBytes: TINY_BUDGET,
        diskBudgetBytes: 0,
        microBatchRows: 1,
        segmentCandidates: 8,
      },
      {
        stages: 4,
        stateBudgetBytes: TINY_BUDGET,
        diskBudgetBytes: MEMORY,
        microBatchRows: 2,
        segmentCandidates: 1,
      },
    ])('computes the same bits as the oracle with %j', { timeout: TIMEOUT_MS }, async (setup) => {
      const { stages, stateBudgetBytes, diskBudgetBytes, microBatchRows, segmentCandidates } = setup;
      const cacheFolder = join(folder.path, 'cache');
      const options = { ...SESSION, stages, stateBudgetBytes, diskBudgetBytes, cacheFolder };
      const staged = await StagedEvaluator.load(checkpoint, options);
      const plan = { ...CPU_SHAPE_PLAN, microBatchRows, segmentCandidates, headChunkTokens: 64 };
      for (const [i, sweep] of sweeps.entries()) {
        expect(await cellsBy(staged, sweep, rows, plan)).toEqual(expected[i]);
      }
      await staged.close();
    });
  },
);

describe('a staged evaluator', { timeout: TIMEOUT_MS }, () => {
  const name = 'llama-mha-tied';
  const rows = rowsOf(name);
  const whole: Sweep = { base: [], candidates: ALL, baseline: true };
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;
  const load = (stages: number, stateBudgetBytes: number, cache = 'cache'): Promise<StagedEvaluator> =>
    StagedEvaluator.load(checkpoint, {
      ...SESSION,
      stages,
      stateBudgetBytes,
      diskBudgetBytes: 0,
      cacheFolder: join(folder.path, cache),
    });

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  });
  afterAll(() => folder.remove());

  it('loads each stage once a wave, and has waves where the budget is small', async () => {
    const ample = await load(2, MEMORY);
    await cellsBy(ample, whole, rows, CPU_SHAPE_PLAN);
    expect(ample.loadTimes.loads).toBe(2);
    await ample.close();
    const small = await load(2, TINY_BUDGET);
    await cellsBy(small, whole, rows, CPU_SHAPE_PLAN);
    expect(small.loadTimes.loads).toBe(2 * 5);
    await small.close();
  });

  it('stops between two runs when it is told to, leaves nothing behind, and can go on', async () => {
    const staged = await load(2, 0, 'aborted');
    const controller = new AbortController();
    let reported = 0;
    const stopped = staged.evaluate(
      whole,
      rows,
      CPU_SHAPE_PLAN,
      () => {
        reported++;
        controller.abort(new Error('told to stop'));
      },
      controller.signal,
    );
    await expect(stopped).rejects.toThrow('told to stop');
    expect(reported).toBe(1);
    expect(readdirSync(join(folder.path, 'aborted'))).toEqual([]);
    expect((await cellsBy(staged, whole, rows, CPU_SHAPE_PLAN)).size).toBe(9 * rows.length);
    await staged.close();
  });

  it('reports a disk that takes no states, and goes on where none have to wait there', async () => {
    writeFileSync(join(folder.path, 'no-folder'), '');
    const staged = await load(2, 5 * 79 * 64 * 4, 'no-folder');
    const segments = { ...CPU_SHAPE_PLAN, segmentCandidates: 8 };
    await expect(cellsBy(staged, whole, rows, segments)).rejects.toThrow(
      /^a residual stream of \d+ bytes that waits for its next stage cannot be written to .*no-folder/,
    );
    expect((await cellsBy(staged, whole, rows.slice(0, 1), CPU_SHAPE_PLAN)).size).toBe(9);
    await staged.close();
  });

  it('refuses more stages than layers', async () => {
    await expect(load(5, MEMORY)).rejects.toThrow('5 stages cannot be made of 4 layers');
  });

  it('reports the first block that computes no number, and candidates that do without it', async () => {
    const { weight } = checkpoint.layers[2].mlp!.down;
    const huge = new Float32Array(weight.lengthBytes / 4).fill(3e38);
    const file = openSync(weight.file, 'r+');
    writeSync(file, new Uint8Array(huge.buffer), 0, weight.lengthBytes, weight.offsetBytes);
    closeSync(file);
    for (const stages of [1, 2, 4]) {
      const staged = await load(stages, MEMORY);
      await expect(cellsBy(staged, whole, rows, CPU_SHAPE_PLAN)).rejects.toThrow(
        /^mlp\.2 of the model \(mask dense\) computes values that are not finite on row 0/,
      );
      const others = await cellsBy(staged, { ...whole, baseline: false }, rows, CPU_SHAPE_PLAN);
      const finite = [...others].filter(([, sums]) => sums.every(Number.isFinite));
      expect(finite.map(([key]) => key).sort()).toEqual(rows.map(({ index }) => `dense/mlp.2/${index}`));
      await staged.close();
    }
  });
});
