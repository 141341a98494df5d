import {
  CPU_SHAPE_PLAN,
  makeMask,
  parseMask,
  type BlockIndex,
  type Mask,
  type Sweep,
} from '@blockpruner/blocks';
import { openCheckpoint, repackCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
  type TinyModelName,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OracleEvaluator, StagedEvaluator, SweepEvaluator } from '../src/index.ts';

const OPTIONS = { device: 'cpu', threads: 1 };
const MODELS = ['llama-gqa-untied', 'qwen2-biases', 'llama-bf16-sharded'] satisfies TinyModelName[];
/** Layers with one block, without their first, without any; the last three leave fewer layers. */
const MASKS = ['mlp.1', 'mha.0', 'mlp.3', 'mha.3+mlp.3', 'mha.0+mlp.0+mlp.2', 'mlp.0+mha.1'];

describe.each(MODELS)('%s without some of its blocks', (name) => {
  const rows = tinyReferenceRows(name).map((tokenIds, index) => ({ index, tokenIds }));
  let folder: TemporaryFolder;
  let dense: Checkpoint;
  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    dense = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  });
  afterAll(() => folder.remove());

  /** Window sums by `candidate/row`. */
  async function cellsOf(
    evaluator: OracleEvaluator | SweepEvaluator | StagedEvaluator,
    sweep: Sweep,
  ): Promise<Map<string, Float64Array>> {
    const found = new Map<string, Float64Array>();
    await evaluator.evaluate(sweep, rows, CPU_SHAPE_PLAN, (cells) => {
      for (const { candidate, row, windowSums } of cells) found.set(`${candidate}/${row}`, windowSums);
    });
    await evaluator.close();
    return found;
  }

  it.each(MASKS)('%s: gives the bits of the whole model with them masked', async (text) => {
    const mask = parseMask(text);
    const pruned = repackCheckpoint(dense, mask);
    const alone = { candidates: [], baseline: true };
    const expected = await cellsOf(await OracleEvaluator.load(dense, OPTIONS), { base: mask, ...alone });
    const found = await cellsOf(await OracleEvaluator.load(pruned, OPTIONS), { base: [], ...alone });
    expect(found).toEqual(expected);
  });

  it('sweeps over the blocks that are left, whole and in stages', async () => {
    const absent: Mask = parseMask('mha.0+mlp.2');
    const pruned = repackCheckpoint(dense, absent);
    expect(pruned.shape).toMatchObject({ layerCount: 4, absentBlocks: absent });
    const base: Mask = [3];
    const candidates: BlockIndex[] = [1, 2, 4, 6, 7];
    const sweep = { base, candidates, baseline: true };
    const expected = await cellsOf(await OracleEvaluator.load(dense, OPTIONS), {
      ...sweep,
      base: makeMask([...base, ...absent]),
    });
    expect(await cellsOf(await SweepEvaluator.load(pruned, OPTIONS), sweep)).toEqual(expected);
    const staged = { ...OPTIONS, stages: 2, cacheFolder: folder.path, stateBudgetBytes: 2 ** 20 };
    expect(await cellsOf(await StagedEvaluator.load(pruned, staged), sweep)).toEqual(expected);
  });
});
