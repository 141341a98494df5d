import type { BlockIndex } from '@blockpruner/blocks';
import type { MicroBatch } from './micro-batch.ts';
import { groupsAt, type CandidateStream } from './stage-streams.ts';

/** Rows and candidates that pass over the stages together: every stage is loaded once for all of them. */
export interface Wave {
  readonly batches: readonly MicroBatch[];
  readonly streams: readonly CandidateStream[];
  /** Whether the base mask itself is scored in this wave. */
  readonly baseline: boolean;
}

/** What a wave's size depends on. */
export interface WaveLimits {
  /** Bytes that may wait between two stages, in memory and on disk. */
  readonly budgetBytes: number;
  readonly hiddenSize: number;
  /** Where the last stage begins: nothing forks between stages behind it, so the most waits here. */
  readonly lastBoundary: BlockIndex;
}

/**
 * Cuts work into the fewest waves whose states stay within the budget: rows first; where one micro-batch alone is
 * beyond it, that one's candidates too, each wave at least one stream. Rows cost nothing to cut: candidates make
 * the baseline walk again.
 */
export function planWaves(
  batches: readonly MicroBatch[],
  streams: readonly CandidateStream[],
  baseline: boolean,
  limits: WaveLimits,
): Wave[] {
  if (streams.length === 0 && !baseline) return [];
  const waves: Wave[] = [];
  let together: MicroBatch[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (together.length > 0) waves.push({ batches: together, streams, baseline });
    together = [];
    bytes = 0;
  };
  for (const batch of batches) {
    const needed = waitingBytes(batch, streams, limits);
    if (bytes + needed > limits.budgetBytes) flush();
    if (needed > limits.budgetBytes && streams.length > 1) {
      const parts = cutStreams(batch, streams, limits);
      parts.forEach((part, i) =>
        waves.push({ batches: [batch], streams: part, baseline: baseline && i === parts.length - 1 }),
      );
      continue;
    }
    together.push(batch);
    bytes += needed;
  }
  flush();
  return waves;
}

/** Bytes of all that waits for the last stage: every stream that has begun, and the baseline. */
function waitingBytes(
  { rows, positions }: MicroBatch,
  streams: readonly CandidateStream[],
  { hiddenSize, lastBoundary }: WaveLimits,
): number {
  if (lastBoundary === 0) return 0;
  const groups = streams.reduce((sum, stream) => sum + groupsAt(stream, lastBoundary), 1);
  return groups * rows.length * positions * hiddenSize * Float32Array.BYTES_PER_ELEMENT;
}

function cutStreams(
  batch: MicroBatch,
  streams: readonly CandidateStream[],
  limits: WaveLimits,
): CandidateStream[][] {
  const parts: CandidateStream[][] = [[]];
  for (const stream of streams) {
    const last = parts[parts.length - 1];
    if (last.length > 0 && waitingBytes(batch, [...last, stream], limits) > limits.budgetBytes) {
      parts.push([stream]);
    } else {
      last.push(stream);
    }
  }
  return parts;
}
