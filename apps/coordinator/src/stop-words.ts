import type { Limit, StopRule } from '@blockpruner/blocks';
import type { Stopped } from '@blockpruner/journal';
import { formatCount } from '@blockpruner/telemetry';
import { inPerCent } from './stop-options.ts';

/** What a search goes on until, in words: `12 blocks`, `ratio 0.2, or perplexity 12.5`. */
export function describeStop(stop: StopRule): string {
  return stop.limit ? `${describeGoal(stop)}, or ${describeLimit(stop.limit)}` : describeGoal(stop);
}

/** Why a search ended, in words. */
export function describeEnd(stop: StopRule, stopped: Stopped | undefined): string {
  if (stopped?.reason !== 'limit') return `the goal is met: ${describeGoal(stop)}`;
  const { block, perplexity, limitPerplexity } = stopped;
  return `the limit is met: without ${block} too the perplexity would be ${perplexity.toFixed(4)}, above ${limitPerplexity.toFixed(4)}`;
}

function describeGoal(stop: StopRule): string {
  switch (stop.kind) {
    case 'remove':
      return `${stop.count} block${stop.count === 1 ? '' : 's'}`;
    case 'ratio':
      return `ratio ${stop.ratio}`;
    case 'target-params':
      return `at most ${formatCount(stop.parameters)} parameters`;
    case 'all':
      return 'no block is left that may go';
  }
}

function describeLimit(limit: Limit): string {
  return limit.kind === 'perplexity'
    ? `perplexity ${limit.perplexity}`
    : `perplexity ${inPerCent(limit.increase)} % above the dense model's`;
}
