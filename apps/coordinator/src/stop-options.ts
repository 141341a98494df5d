import type { Goal, Limit, StopRule } from '@blockpruner/blocks';
import type { ResolvedSettings } from './resolve-settings.ts';
import { setting } from './setting.ts';
import type { STOP_SETTINGS } from './target-settings.ts';
import { UsageError } from './usage-error.ts';

type StopSettings = ResolvedSettings<(typeof STOP_SETTINGS)[number]>;

/**
 * What the options say of how much is to go: one goal, one limit, or one of each.
 * @returns undefined where they say nothing
 * @throws UsageError naming two that exclude each other
 */
export function stopRule({ values }: StopSettings): StopRule | undefined {
  const { remove, ratio, targetParams, maxPerplexity, maxIncrease } = values;
  exclude({ remove, ratio, targetParams });
  exclude({ maxPerplexity, maxIncrease });
  const limit: Limit | undefined =
    maxPerplexity !== undefined
      ? { kind: 'perplexity', perplexity: maxPerplexity }
      : maxIncrease !== undefined
        ? { kind: 'increase', increase: Number.parseFloat(maxIncrease) / 100 }
        : undefined;
  const goal: Goal | undefined =
    remove !== undefined
      ? { kind: 'remove', count: remove }
      : ratio !== undefined
        ? { kind: 'ratio', ratio }
        : targetParams !== undefined
          ? { kind: 'target-params', parameters: targetParams }
          : limit && { kind: 'all' };
  return goal && { ...goal, ...(limit && { limit }) };
}

/** @throws UsageError unless the options say how much is to go */
export function requireStopRule(settings: StopSettings): StopRule {
  const stop = stopRule(settings);
  if (stop) return stop;
  throw new UsageError(
    'how much is to go? give --remove <k> blocks, or --ratio <r> of the parameters, e.g. --ratio 0.2; or --target-params <n>, --max-perplexity <x> or --max-increase <p%>',
  );
}

/** The options that ask for a stop rule, to be copied into a command line. */
export function stopOptions(stop: StopRule): string {
  return [goalOption(stop), limitOption(stop.limit)].filter((option) => option !== '').join(' ');
}

function goalOption(goal: Goal): string {
  switch (goal.kind) {
    case 'remove':
      return `--remove ${goal.count}`;
    case 'ratio':
      return `--ratio ${goal.ratio}`;
    case 'target-params':
      return `--target-params ${goal.parameters}`;
    case 'all':
      return '';
  }
}

function limitOption(limit: Limit | undefined): string {
  if (!limit) return '';
  return limit.kind === 'perplexity'
    ? `--max-perplexity ${limit.perplexity}`
    : `--max-increase ${inPerCent(limit.increase)}%`;
}

/** Without the digits that a division by 100 has left. */
export function inPerCent(share: number): number {
  return Number((100 * share).toPrecision(12));
}

function exclude(values: { [Name in (typeof STOP_SETTINGS)[number]]?: string | number | undefined }): void {
  const given = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `--${setting(name as (typeof STOP_SETTINGS)[number]).key} ${value}`);
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other: give one of them`);
}
