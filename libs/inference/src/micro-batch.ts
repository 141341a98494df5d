import type { ShapePlan } from '@blockpruner/blocks';
import type { IndexedRow } from '@blockpruner/perplexity';

/** Rows of one length that go through the model together. */
export interface MicroBatch {
  readonly rows: readonly IndexedRow[];
  readonly rowIndices: readonly number[];
  readonly tokenIds: readonly Int32Array[];
  /** Positions that predict: a row of T tokens has T−1, and the last token is only a target. */
  readonly targetCount: number;
  /** The same with the padding behind them: what goes through the model. */
  readonly positions: number;
  /** `[rows · positions]`, for the embedding. */
  readonly inputIds: Int32Array;
  /** `[rows · positions]`, the next token at each position. */
  readonly targets: BigInt64Array;
}

/** Rows of different lengths never share a micro-batch: padding would be computed, and could change bits. */
export function microBatches(
  rows: readonly IndexedRow[],
  { microBatchRows: maxRows, rowBucketTokens }: Pick<ShapePlan, 'microBatchRows' | 'rowBucketTokens'>,
): MicroBatch[] {
  const byLength = new Map<number, IndexedRow[]>();
  for (const row of rows) {
    const group = byLength.get(row.tokenIds.length);
    if (group) group.push(row);
    else byLength.set(row.tokenIds.length, [row]);
  }
  return [...byLength.values()].flatMap((group) => {
    const batches: MicroBatch[] = [];
    for (let i = 0; i < group.length; i += maxRows) {
      batches.push(microBatch(group.slice(i, i + maxRows), rowBucketTokens));
    }
    return batches;
  });
}

/** Attention looks back only, so padding behind a row's positions changes none of them. */
function microBatch(rows: readonly IndexedRow[], rowBucketTokens: number): MicroBatch {
  const targetCount = rows[0].tokenIds.length - 1;
  const positions = Math.ceil(targetCount / rowBucketTokens) * rowBucketTokens;
  const inputIds = new Int32Array(rows.length * positions);
  const targets = new BigInt64Array(rows.length * positions);
  rows.forEach(({ tokenIds }, i) => {
    inputIds.set(tokenIds.subarray(0, targetCount), i * positions);
    targets.set(BigInt64Array.from(tokenIds.subarray(1), BigInt), i * positions);
  });
  return {
    rows,
    rowIndices: rows.map((row) => row.index),
    tokenIds: rows.map((row) => row.tokenIds),
    targetCount,
    positions,
    inputIds,
    targets,
  };
}

/**
 * Tokens a head chunk: the row's positions in the fewest chunks of at most `maxTokens`, all of one size, so
 * that a row's logits are computed in the same shapes whatever shares its run.
 */
export function headChunkTokens(positions: number, maxTokens: number): number {
  return Math.ceil(positions / Math.ceil(positions / maxTokens));
}
