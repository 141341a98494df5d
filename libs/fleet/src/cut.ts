import { sweepFlops } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import { candidateRanges } from './candidate-ranges.ts';
import { sameBlocks, workFlops, type Sizes, type Work } from './task.ts';

/** Tasks a worker gets at least, in all: fewer, and the last ones leave the others idle. */
const LEAST_TASKS_PER_WORKER = 4;
/** Tasks a worker gets at most where rows are many: more, and messages and start-up cost outweigh balance. */
const MOST_TASKS_PER_WORKER = 8;

/**
 * Cuts the missing cells of some work into tasks for so many workers: rows first, one or several a task;
 * where there are too few rows, their candidates into contiguous ascending ranges of about equal cost. Each
 * missing cell is in exactly one part.
 */
export function cutWork(
  sizes: Sizes,
  work: Work,
  workerCount: number,
  isMissing: (id: CellId) => boolean,
): Work[] {
  const rows = missingByRow(work, isMissing);
  const workers = Math.max(1, workerCount);
  const wanted = LEAST_TASKS_PER_WORKER * workers;
  if (rows.length >= wanted) {
    const flops = rows.reduce((sum, row) => sum + workFlops(sizes, row), 0);
    return joinRows(sizes, rows, flops / (MOST_TASKS_PER_WORKER * workers));
  }
  return rows.flatMap((row) =>
    candidateRanges(sizes.shape, row, sizes.rowTokens[row.rows[0]], Math.ceil(wanted / rows.length)),
  );
}

/** The missing cells of some work as few parts as rows allow: rows that lack the same cells are one. */
export function missingWork(sizes: Sizes, work: Work, isMissing: (id: CellId) => boolean): Work[] {
  return joinRows(sizes, missingByRow(work, isMissing), Number.POSITIVE_INFINITY);
}

/** Two parts of about equal cost: of the rows, else the candidates, else the baseline apart; null for one cell. */
export function halveWork(sizes: Sizes, work: Work): [Work, Work] | null {
  if (work.rows.length > 1) {
    const half = workFlops(sizes, work) / 2;
    let count = 0;
    let flops = 0;
    while (count < work.rows.length - 1 && (count === 0 || flops < half)) {
      flops += sweepFlops(sizes.shape, work, sizes.rowTokens[work.rows[count++]]);
    }
    return [
      { ...work, rows: work.rows.slice(0, count) },
      { ...work, rows: work.rows.slice(count) },
    ];
  }
  if (work.candidates.length > 1) {
    const [first, second] = candidateRanges(sizes.shape, work, sizes.rowTokens[work.rows[0]], 2);
    return [first, second];
  }
  if (work.candidates.length === 1 && work.baseline) {
    return [
      { ...work, baseline: false },
      { ...work, candidates: [] },
    ];
  }
  return null;
}

function missingByRow(work: Work, isMissing: (id: CellId) => boolean): Work[] {
  return work.rows
    .map((row) => ({
      ...work,
      candidates: work.candidates.filter((candidate) => isMissing({ mask: work.base, candidate, row })),
      baseline: work.baseline && isMissing({ mask: work.base, candidate: null, row }),
      rows: [row],
    }))
    .filter(({ candidates, baseline }) => candidates.length > 0 || baseline);
}

/** Joins neighbouring rows of equal candidates while the cost stays within `limitFlops`. */
function joinRows(sizes: Sizes, rows: readonly Work[], limitFlops: number): Work[] {
  const joined: Work[] = [];
  let flops = 0;
  for (const row of rows) {
    const cost = workFlops(sizes, row);
    const previous = joined.at(-1);
    if (
      previous?.baseline === row.baseline &&
      sameBlocks(previous.candidates, row.candidates) &&
      flops + cost <= limitFlops
    ) {
      joined[joined.length - 1] = { ...previous, rows: [...previous.rows, ...row.rows] };
      flops += cost;
    } else {
      joined.push(row);
      flops = cost;
    }
  }
  return joined;
}
