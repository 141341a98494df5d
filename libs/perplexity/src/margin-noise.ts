import type { BlockIndex } from '@blockpruner/blocks';

/** One model's score in the dtype of a run and in fp32, over the same rows, nats. */
export interface NoiseSample {
  /** Null: the base mask itself. */
  readonly candidate: BlockIndex | null;
  readonly score: number;
  readonly scoreInFp32: number;
}

/**
 * How far the dtype of a run can move the difference of two scores, nats: the largest `|e_a − e_b|` over the samples,
 * where `e = score − scoreInFp32`. An error that all scores share swaps no two candidates and does not count. Samples
 * whose scores are not finite do not count either: such a candidate never wins. 0 where less than two are left.
 */
export function marginNoise(samples: readonly NoiseSample[]): number {
  const errors = samples
    .map(({ score, scoreInFp32 }) => score - scoreInFp32)
    .filter((error) => Number.isFinite(error));
  return errors.length < 2 ? 0 : Math.max(...errors) - Math.min(...errors);
}
