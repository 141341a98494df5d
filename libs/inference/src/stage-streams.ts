import {
  makeMask,
  segmentsOf,
  unitBlocks,
  unitEnd,
  unitOf,
  type BlockIndex,
  type Mask,
  type StageRange,
  type Sweep,
} from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import { cellsOf, groupCells } from './batch-cells.ts';
import type { Forks } from './batch-walk.ts';
import type { MicroBatch } from './micro-batch.ts';

/**
 * Candidates that go through the stages together, from where the first of them leaves the baseline to the head: one
 * alone, or a segment with the baseline beside it. Each run holds the same groups as with one stage, so that matrix
 * products have the same shapes.
 */
export interface CandidateStream {
  readonly candidates: readonly BlockIndex[];
  /** The boundary at which it takes over the baseline's stream. */
  readonly fork: BlockIndex;
  /** The boundary behind which it computes: alone, a candidate begins behind its unit. */
  readonly start: BlockIndex;
  /** Blocks that it does not compute. */
  readonly mask: Mask;
  readonly withBaseline: boolean;
}

/** All streams of a sweep, in the order in which they fork. */
export function candidateStreams(sweep: Sweep, segmentCandidates: number): CandidateStream[] {
  const unit = unitOf(sweep);
  if (segmentCandidates > 1) {
    return segmentsOf(sweep, segmentCandidates).map(({ start, candidates }) => ({
      candidates,
      fork: start,
      start,
      mask: sweep.base,
      withBaseline: true,
    }));
  }
  return sweep.candidates.map((candidate) => ({
    candidates: [candidate],
    fork: candidate,
    start: unitEnd(unit, candidate),
    mask: makeMask([...sweep.base, ...unitBlocks(unit, candidate)]),
    withBaseline: false,
  }));
}

/** Groups of rows that the stream has at a boundary between stages; none where it has not begun. */
export function groupsAt({ fork, candidates, withBaseline }: CandidateStream, boundary: BlockIndex): number {
  if (boundary <= fork) return 0;
  return withBaseline ? 1 + candidates.filter((candidate) => candidate < boundary).length : 1;
}

/** What runs together in a stage: the groups that come in, and the candidates that fork in it. */
export function forksIn(sweep: Sweep, stream: CandidateStream, { start, end }: StageRange): Forks {
  const forks = stream.candidates.filter((candidate) => candidate >= start && candidate < end);
  return {
    groups: Math.max(1, groupsAt(stream, start)),
    forks: stream.withBaseline ? forks : [],
    unit: unitOf(sweep),
  };
}

/** @param nll nats, of all groups of the stream */
export function streamCells(
  { base }: Sweep,
  { candidates, withBaseline }: CandidateStream,
  batch: MicroBatch,
  nll: Float32Array,
): Cell[] {
  return withBaseline ? groupCells(base, candidates, batch, nll) : cellsOf(base, candidates[0], batch, nll);
}
