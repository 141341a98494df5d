import { CPU_SHAPE_PLAN, type Mask } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { OracleEvaluator } from '@blockpruner/inference';
import { rowMeanNats, targetCount } from '@blockpruner/perplexity';

/** Mean next-token negative log-likelihood of each row as a search computes it: of the source, the blocks passed by. */
export async function maskedNats(
  source: Checkpoint,
  mask: Mask,
  rows: readonly Int32Array[],
): Promise<number[]> {
  const evaluator = await OracleEvaluator.load(source, { device: 'cpu', threads: 1 });
  const nats: number[] = [];
  await evaluator.evaluate(
    { base: mask, candidates: [], baseline: true },
    rows.map((tokenIds, index) => ({ index, tokenIds })),
    CPU_SHAPE_PLAN,
    ([cell]) => {
      nats[cell.row] = rowMeanNats(cell.windowSums, targetCount(rows[cell.row].length));
    },
  );
  await evaluator.close();
  return nats;
}
