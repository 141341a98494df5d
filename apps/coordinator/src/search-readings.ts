import type { RunFolder } from '@blockpruner/journal';
import { candidatesOf, maskOf, type Decision, type SearchProblem, type Step } from '@blockpruner/search';
import type { SearchReadings } from '@blockpruner/telemetry';
import type { WorkLeft } from './work-left.ts';
import type { WorkerSpeed } from './worker-speed.ts';

/** What a search that goes on keeps up to date for its metrics. */
export interface SearchSoFar {
  readonly decisions: readonly Decision[];
  /** What it asked for last, in the iteration under way. */
  wanted: Step | null;
  /** All is decided and written. */
  isFinished: boolean;
}

/** @returns what reads a search for its metrics */
export function searchReader(
  soFar: SearchSoFar,
  { problem, folder }: { readonly problem: SearchProblem; readonly folder: RunFolder },
  left: Pick<WorkLeft, 'flops' | 'iterations'>,
  speed: WorkerSpeed,
): () => SearchReadings {
  return () => {
    const { decisions, isFinished } = soFar;
    const { dense } = folder.state;
    return {
      iteration: decisions.length,
      iterationsExpected: decisions.length + (isFinished ? 0 : left.iterations),
      score: decisions.at(-1)?.score ?? dense?.start?.score ?? dense?.score ?? null,
      candidatesAlive: isFinished ? 0 : candidatesAlive(soFar, problem),
      pendingWorkSeconds: isFinished ? 0 : Math.max(1, left.flops / speed.now()),
    };
  };
}

function candidatesAlive({ decisions, wanted }: SearchSoFar, problem: SearchProblem): number {
  const asked = wanted?.kind === 'evaluate' ? wanted.sweep.candidates.length : 0;
  return asked > 0 ? asked : candidatesOf(problem, maskOf(decisions, problem)).length;
}
