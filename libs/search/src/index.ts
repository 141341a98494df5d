/**
 * Strategies of the search: which cells it needs next, and which block goes. Pure: a step follows from the
 * decisions so far and the cells there are, which is all that a resumed run needs.
 */
export { closeCandidates, confirmDecision } from './confirm.ts';
export { exhaustiveSearch } from './exhaustive.ts';
export { expectedEvaluations } from './expected-evaluations.ts';
export type { Bounds, ExpectedEvaluations } from './expected-evaluations.ts';
export { expectedFlops, remainingFlops } from './expected-flops.ts';
export { endingOf, isBeyondLimit, limitPerplexity } from './goal.ts';
export type { Ending, NextStep, Size } from './goal.ts';
export { candidatesOf, maskOf, scoreSoFar, startOf } from './iteration.ts';
export { NOISE_ROWS, noiseSample } from './noise-sample.ts';
export { comparison } from './objective.ts';
export type { Comparison } from './objective.ts';
export { checkProblem } from './problem.ts';
export type { SearchProblem } from './problem.ts';
export { raceSearch } from './race.ts';
export type { RaceSettings } from './race.ts';
export { SearchError } from './search-error.ts';
export { strategyFor } from './search-method.ts';
export type { SearchMethod } from './search-method.ts';
export { setChoices } from './set-choices.ts';
export type { SetChoice } from './set-choices.ts';
export type { CandidateScore, Decision, Drop, Step, Strategy } from './strategy.ts';
export { provisionalRanking } from './provisional.ts';
export { verifyDecision } from './verification.ts';
export type { Finding } from './verification.ts';
