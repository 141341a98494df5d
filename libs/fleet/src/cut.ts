import type { CellId } from '@blockpruner/perplexity';
import { isAlike, lotsOf, workOf, type Lot } from './lot.ts';
import type { Work } from './task.ts';

/** The missing cells of some work as few parts as rows allow: neighbouring rows that lack the same cells are one. */
export function missingWork(work: Work, isMissing: (id: CellId) => boolean): Work[] {
  const groups: Lot[][] = [];
  for (const lot of lotsOf(work, isMissing)) {
    const group = groups.at(-1);
    if (group && isAlike(group[0], lot)) group.push(lot);
    else groups.push([lot]);
  }
  return groups.map(workOf);
}

/** Two parts: of the rows, else the candidates, else the baseline apart; null for one cell. */
export function halveWork(work: Work): [Work, Work] | null {
  const { rows, candidates } = work;
  if (rows.length > 1) {
    const half = rows.length >> 1;
    return [
      { ...work, rows: rows.slice(0, half) },
      { ...work, rows: rows.slice(half) },
    ];
  }
  if (candidates.length > 1) {
    const half = candidates.length >> 1;
    return [
      { ...work, candidates: candidates.slice(0, half), baseline: false },
      { ...work, candidates: candidates.slice(half) },
    ];
  }
  if (candidates.length === 1 && work.baseline) {
    return [
      { ...work, baseline: false },
      { ...work, candidates: [] },
    ];
  }
  return null;
}
