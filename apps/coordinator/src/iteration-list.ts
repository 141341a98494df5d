import { UsageError } from './usage-error.ts';

/** What `--iterations` accepts: numbers and ranges. The iterations that there are, a run knows. */
export const ITERATION_LIST = /^\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*$/;

/**
 * The iterations that a list such as `1,3-5` names, in order and each once; all of them where there is no list.
 * @param count iterations of the run, from 1 on
 * @throws UsageError naming a part of the list that is none of them
 */
export function iterationsOf(list: string | undefined, count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  if (list === undefined) return all;
  const ranges = list.split(',').map((part) => {
    const [first, last = first] = part.split('-').map(Number);
    if (first < 1 || last > count || first > last) {
      throw new UsageError(
        `--iterations ${list}: ${part} is not among the iterations of the run; name some of 1 to ${count}`,
      );
    }
    return { first, last };
  });
  return all.filter((iteration) => ranges.some(({ first, last }) => first <= iteration && iteration <= last));
}
