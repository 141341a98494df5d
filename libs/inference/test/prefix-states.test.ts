import {
  CPU_SHAPE_PLAN,
  isUnitStart,
  makeMask,
  unitBlocks,
  type Mask,
  type ShapePlan,
  type Sweep,
  type UnitKind,
} from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import type { Cell, IndexedRow } from '@blockpruner/perplexity';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OracleEvaluator, SweepEvaluator } from '../src/index.ts';

const NAME = 'llama-gqa-untied';
const BLOCK_COUNT = 2 * TINY_MODELS[NAME].layerCount;
const ALL_BLOCKS = Array.from({ length: BLOCK_COUNT }, (_, block) => block);
/** Two of 80 tokens, which can share a micro-batch, and two of other lengths. */
const ROWS: readonly IndexedRow[] = tinyReferenceRows(NAME)
  .slice(0, 4)
  .map((tokenIds, index) => ({ index, tokenIds }));
const STATE_BYTES = 79 * TINY_MODELS[NAME].hiddenSize * 4;
const UNLIMITED_BYTES = 2 ** 30;

let folder: TemporaryFolder;
let checkpoint: Checkpoint;
let oracle: OracleEvaluator;

beforeAll(async () => {
  folder = temporaryFolder();
  await writeTinyModel(folder.path, TINY_MODELS[NAME]);
  checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  oracle = await OracleEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
});
afterAll(async () => {
  await oracle.close();
  folder.remove();
});

const load = (stateBudgetBytes: number): Promise<SweepEvaluator> =>
  SweepEvaluator.load(checkpoint, { device: 'cpu', threads: 1, stateBudgetBytes });

const byMask = new Map<string, Float64Array>();

/** The oracle's sums for a mask and a row, computed once. */
async function expectedSums(mask: Mask, row: IndexedRow): Promise<Float64Array> {
  const key = `${mask.join()}/${row.index}`;
  if (!byMask.has(key)) {
    const dense = { base: mask, candidates: [], baseline: true };
    await oracle.evaluate(dense, [row], CPU_SHAPE_PLAN, ([cell]) => byMask.set(key, cell.windowSums));
  }
  return byMask.get(key)!;
}

interface Step {
  /** What the search removes before this sweep, of what is left; nothing where the same mask is swept again. */
  readonly removed: number | null;
  readonly unit: UnitKind;
  readonly candidates: readonly number[];
  readonly baseline: boolean;
  readonly rows: readonly IndexedRow[];
  readonly plan: ShapePlan;
}

const arbitraryStep: fc.Arbitrary<Step> = fc.record({
  removed: fc.option(fc.nat(BLOCK_COUNT - 1), { freq: 4 }),
  unit: fc.constantFrom('block', 'block', 'block', 'layer'),
  candidates: fc.subarray(ALL_BLOCKS),
  baseline: fc.boolean(),
  rows: fc.shuffledSubarray([...ROWS], { minLength: 1 }),
  plan: fc.constantFrom(
    CPU_SHAPE_PLAN,
    CPU_SHAPE_PLAN,
    { ...CPU_SHAPE_PLAN, microBatchRows: 2 },
    { ...CPU_SHAPE_PLAN, segmentCandidates: 3 },
    { ...CPU_SHAPE_PLAN, headChunkTokens: 32, rowBucketTokens: 16 },
  ),
});

function sweepOf(step: Step, base: Mask): Sweep {
  const { unit, baseline } = step;
  const candidates = step.candidates.filter(
    (block) => isUnitStart(unit, block) && !unitBlocks(unit, block).some((each) => base.includes(each)),
  );
  return { base, candidates, unit, baseline };
}

it('computes the bits of the oracle whatever is kept, removed and asked for, and stays within its budget', async () => {
  const budgets = fc.constantFrom(
    0,
    STATE_BYTES - 1,
    STATE_BYTES,
    5 * STATE_BYTES,
    20 * STATE_BYTES,
    UNLIMITED_BYTES,
  );
  await fc.assert(
    fc.asyncProperty(
      budgets,
      fc.array(arbitraryStep, { minLength: 2, maxLength: 6 }),
      async (budget, steps) => {
        const evaluator = await load(budget);
        try {
          let base: Mask = [];
          for (const step of steps) {
            const { removed } = step;
            if (removed !== null && !base.includes(removed)) base = makeMask([...base, removed]);
            const sweep = sweepOf(step, base);
            const cells: Cell[] = [];
            await evaluator.evaluate(sweep, step.rows, step.plan, (some) => {
              cells.push(...some);
              expect(evaluator.heldStateBytes).toBeLessThanOrEqual(budget);
            });
            expect(cells).toHaveLength(
              step.rows.length * (sweep.candidates.length + (step.baseline ? 1 : 0)),
            );
            for (const { candidate, row, windowSums } of cells) {
              const unit = candidate === null ? [] : unitBlocks(step.unit, candidate);
              const expected = await expectedSums(makeMask([...base, ...unit]), ROWS[row]);
              expect(windowSums, `${base.join()} without ${candidate}, row ${row}`).toEqual(expected);
            }
          }
        } finally {
          await evaluator.close();
        }
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);

it('walks what a sweep of shared prefixes costs without a budget, and less with one', async () => {
  const order = [6, 4, 5];
  const walked = async (budget: number): Promise<number[]> => {
    const evaluator = await load(budget);
    const counted = countBlocks(evaluator);
    const blocks: number[] = [];
    for (let i = 0; i < order.length; i++) {
      const before = counted();
      const base = makeMask(order.slice(0, i));
      const candidates = ALL_BLOCKS.filter((block) => !base.includes(block));
      await evaluator.evaluate(
        { base, candidates, baseline: true },
        ROWS.slice(0, 1),
        CPU_SHAPE_PLAN,
        () => undefined,
      );
      blocks.push(counted() - before);
    }
    await evaluator.close();
    return blocks;
  };
  // Of 8, 7 and 6 live blocks: the baseline's pass, and behind each candidate what is left.
  expect(await walked(0)).toEqual([8 + 28, 7 + 21, 6 + 15]);
  for (const [budget, share] of [
    [UNLIMITED_BYTES, 0.7],
    [6 * STATE_BYTES, 0.9],
  ]) {
    const [first, second, third] = await walked(budget);
    expect(first).toBe(8 + 28);
    expect(second + third).toBeLessThan(share * (7 + 21 + 6 + 15));
  }
});

/** Counts the blocks that an evaluator's session computes. */
function countBlocks({ session }: SweepEvaluator): () => number {
  let count = 0;
  const run = { hidden: session.hidden.bind(session), nll: session.nll.bind(session) };
  const counted = (keep: (block: number) => boolean): void => {
    count += ALL_BLOCKS.filter(keep).length;
  };
  session.hidden = (pass) => {
    counted(pass.keep);
    return run.hidden(pass);
  };
  session.nll = (pass, targets, chunkTokens) => {
    counted(pass.keep);
    return run.nll(pass, targets, chunkTokens);
  };
  return () => count;
}
