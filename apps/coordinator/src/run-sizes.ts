import { makeMask, parseBlock, parseMask, type Mask, type StopRule } from '@blockpruner/blocks';
import type { RunConfig, RunState } from '@blockpruner/journal';
import { candidatesOf, endingOf, startOf, type Ending, type NextStep, type Size } from '@blockpruner/search';
import { UsageError } from './usage-error.ts';
import { constraintsOf } from './search-problem.ts';
import { stopOptions } from './stop-options.ts';

/** One of the models that a run has led to. */
export interface RunSize extends Size {
  readonly mask: Mask;
  /** Nats. */
  readonly score: number;
  readonly perplexity: number;
  readonly parametersRemoved: number;
}

/** What of a run, going on or not, its sizes follow from. */
export type RunSoFar = Pick<RunState, 'dense' | 'decisions' | 'stopped'> & { readonly config: RunConfig };

/** Every size that a run has led to: before its first decision, and after each; none before the dense model is scored. */
export function runSizes({ config, dense, decisions }: RunSoFar): RunSize[] {
  if (!dense) return [];
  const constraints = constraintsOf(config);
  const candidacy = {
    ...constraints,
    shape: {
      layerCount: config.layerCount,
      ...(config.absentBlocks !== undefined && { absentBlocks: parseMask(config.absentBlocks) }),
    },
  };
  const first = dense.start ?? { ...dense, parametersRemoved: 0, ratio: 0 };
  const steps = [first, ...decisions];
  // The parameters of the model follow from any share of them; while there is none, no goal is met that needs them.
  const share = steps.findLast(({ ratio }) => ratio > 0);
  const totalParameters = share ? Math.round(share.parametersRemoved / share.ratio) : NaN;
  return steps.map(({ score, perplexity, parametersRemoved, ratio }, count) => {
    const gone = decisions.slice(0, count).map(({ removed }) => parseBlock(removed));
    const mask = makeMask([...startOf(constraints), ...gone]);
    return {
      decisions: count,
      mask,
      score,
      perplexity,
      parametersRemoved,
      ratio,
      parametersLeft: totalParameters - parametersRemoved,
      candidatesLeft: candidatesOf(candidacy, mask).length,
    };
  });
}

/** Where a search with this rule ends on the way of the run; undefined where the run does not go so far. */
export function endingInRun(run: RunSoFar, stop: StopRule): Ending | undefined {
  const { dense, decisions, stopped } = run;
  if (!dense) return undefined;
  const steps: NextStep[] = decisions.map(({ removed, perplexity }) => ({
    removed: parseBlock(removed),
    perplexity,
  }));
  if (stopped?.reason === 'limit')
    steps.push({ removed: parseBlock(stopped.block), perplexity: stopped.perplexity });
  return endingOf(stop, runSizes(run), steps, dense.perplexity);
}

/**
 * A run can only go on: what it has decided stays.
 * @param name of the run, for a command line
 * @throws UsageError when the rule ends before the last decision of the run
 */
export function requireGoingOn(name: string, run: RunSoFar, stop: StopRule): void {
  const ending = endingInRun(run, stop);
  const made = run.decisions.length;
  if (!ending || ending.decisions >= made) return;
  throw new UsageError(
    `${name} has ${made} decisions, and ${stopOptions(stop)} ends after ${ending.decisions}: a run is never made shorter; choose that size with: blockpruner pick ${name} ${stopOptions(stop)}`,
  );
}
