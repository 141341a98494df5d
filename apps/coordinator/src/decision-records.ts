import { formatBlock, parseBlock, pruningRatio, removedParameters, type Mask } from '@blockpruner/blocks';
import type { DecisionRecord } from '@blockpruner/journal';
import { maskOf, type CandidateScore, type Decision, type SearchProblem } from '@blockpruner/search';
import type { Judgement } from './close-calls.ts';

type CandidateRecord = DecisionRecord['candidates'][number];

/** What was measured of an iteration beside its decision. */
export type Measured = Pick<DecisionRecord, 'seconds' | 'workers' | 'retries' | 'setScores' | 'heldOut'>;

/** A decision as it is journaled. */
export function recordOf(
  { decision, numericClasses, belowNoise, confirmed }: Judgement,
  before: readonly Decision[],
  problem: SearchProblem,
  measured: Measured,
): DecisionRecord {
  return {
    iteration: decision.iteration,
    removed: formatBlock(decision.removed),
    score: decision.score,
    perplexity: decision.perplexity,
    margin: decision.margin,
    runnerUp: decision.runnerUp === null ? null : formatBlock(decision.runnerUp),
    candidates: decision.candidates.map(candidateRecord),
    ...sizeOf(problem, maskOf([...before, decision], problem)),
    ...measured,
    numericClasses,
    belowNoise,
    confirmed: confirmed && { candidates: confirmed.map(candidateRecord) },
  };
}

/** A journaled decision as the search made it. */
export function decisionOf(record: DecisionRecord): Decision {
  const { iteration, removed, score, perplexity, margin, runnerUp, candidates } = record;
  return {
    iteration,
    removed: parseBlock(removed),
    score,
    perplexity,
    margin,
    runnerUp: runnerUp === null ? null : parseBlock(runnerUp),
    candidates: candidates.map(({ block, dropped, ...rest }) => ({
      ...rest,
      block: parseBlock(block),
      ...(dropped && { dropped: { ...dropped, leader: parseBlock(dropped.leader) } }),
    })),
  };
}

/** How much is gone with a mask. */
export function sizeOf(
  { shape }: SearchProblem,
  mask: Mask,
): Pick<DecisionRecord, 'parametersRemoved' | 'ratio'> {
  return { parametersRemoved: removedParameters(shape, mask), ratio: pruningRatio(shape, mask) };
}

function candidateRecord({ block, score, rowCount, dropped }: CandidateScore): CandidateRecord {
  return {
    block: formatBlock(block),
    score,
    rowCount,
    ...(dropped && { dropped: { ...dropped, leader: formatBlock(dropped.leader) } }),
  };
}
