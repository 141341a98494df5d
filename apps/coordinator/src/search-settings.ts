import type { SearchMethod } from '@blockpruner/search';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import { UsageError } from './usage-error.ts';

/**
 * How the options have blocks found.
 * @throws UsageError where one is given that the method does not have
 */
export function searchMethod(settings: ResolvedSettings<'search' | 'confidence' | 'seed'>): SearchMethod {
  const search = requireSetting(settings, 'search');
  if (search === 'race') {
    return {
      search,
      confidence: requireSetting(settings, 'confidence'),
      seed: requireSetting(settings, 'seed'),
    };
  }
  const { confidence } = settings.values;
  if ((settings.origins.confidence ?? 'default') !== 'default') {
    throw new UsageError(
      `--confidence ${confidence} is of --search race; an exhaustive search drops no candidate: leave one of them out`,
    );
  }
  return { search };
}

/** `exhaustive search`, or `race of confidence 0.95`. */
export function methodInWords({ search, confidence }: SearchMethod): string {
  return search === 'race' ? `race of confidence ${confidence}` : `${search} search`;
}
