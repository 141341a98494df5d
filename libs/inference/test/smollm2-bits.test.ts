import { openCheckpoint } from '@blockpruner/checkpoint';
import { cellKey } from '@blockpruner/perplexity';
import { CHECKPOINT_CACHE, smollm2Golden, SMOLLM2_GGUF } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { OracleEvaluator, SweepEvaluator } from '../src/index.ts';

const PLAN = { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 };

it(
  'sweeps SmolLM2 to the same bits as the oracle, alone or in segments, with one thread or two',
  { timeout: 300_000 },
  async () => {
    const checkpoint = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
    const rows = smollm2Golden()
      .token_ids.slice(0, 2)
      .map((ids, index) => ({ index, tokenIds: Int32Array.from(ids.slice(0, 128)) }));
    const sweep = { base: [17, 34], candidates: [0, 13, 33, 59], baseline: true };

    const expected = new Map<string, Float64Array>();
    const oracle = await OracleEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
    await oracle.evaluate(sweep, rows, PLAN, ([cell]) => expected.set(cellKey(cell), cell.windowSums));
    await oracle.close();
    expect(expected.size).toBe(10);

    for (const [threads, plan] of [
      [1, PLAN],
      [1, { microBatchRows: 2, segmentCandidates: 3, headChunkTokens: 100, rowBucketTokens: 1 }],
      [2, PLAN],
    ] as const) {
      const evaluator = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads });
      const seen = new Set<string>();
      await evaluator.evaluate(sweep, rows, plan, (cells) => {
        for (const cell of cells) {
          seen.add(cellKey(cell));
          expect(cell.windowSums, cellKey(cell)).toEqual(expected.get(cellKey(cell)));
        }
      });
      await evaluator.close();
      expect(seen.size).toBe(expected.size);
    }
  },
);
