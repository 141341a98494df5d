import type { Costs } from './costs.ts';
import { forksOf, lotSize, splitLot, type Lot } from './lot.ts';
import { cellCandidates } from './task.ts';

/** One whose queued lots may be divided. */
export interface Victim {
  /** In the order in which it would take them. */
  readonly lots: readonly Lot[];
  /** FLOPs per millisecond. */
  readonly speed: number;
  /** Until it is done with what it has in hand. */
  readonly busyMs: number;
}

/** How queued lots are divided between the worker that has them and an idle one. */
export interface Division {
  readonly kept: Lot[];
  readonly taken: Lot[];
  /** When both are done. */
  readonly doneMs: number;
  /** When the victim alone would have been. */
  readonly aloneMs: number;
}

/**
 * Takes cells from the back of a victim's lots, which it would get to last, so many that both are done as soon as they
 * can be. What is taken inside a row pays for the baseline's walk to its first cell.
 * @param speed of the idle worker, FLOPs per millisecond
 */
export function divide(costs: Costs, blockCount: number, victim: Victim, speed: number): Division {
  const { lots } = victim;
  let queued = 0;
  for (const lot of lots) queued += costs.row(lot, lot.row);
  const aloneMs = victim.busyMs + queued / victim.speed;
  let best = { lot: lots.length, cell: 0, doneMs: aloneMs };
  let moved = 0; // of the thief, without its walk to the first cell
  search: for (let at = lots.length - 1; at >= 0; at--) {
    const lot = lots[at];
    const { base, row } = lot;
    const forks = forksOf(lot, blockCount);
    const candidates = cellCandidates(lot);
    for (let cell = forks.length - 1; cell >= 0; cell--) {
      const cost = costs.cell(lot, row, candidates[cell]);
      moved += cost + (cell + 1 < forks.length ? costs.walk(base, row, forks[cell], forks[cell + 1]) : 0);
      queued -= cost + costs.walk(base, row, forks[cell - 1] ?? 0, forks[cell]);
      const thiefMs = (moved + costs.walk(base, row, 0, forks[cell])) / speed;
      const doneMs = Math.max(thiefMs, victim.busyMs + queued / victim.speed);
      if (doneMs < best.doneMs) best = { lot: at, cell, doneMs };
      if (moved / speed > best.doneMs) break search;
    }
    moved += costs.walk(base, row, 0, forks[0]);
  }
  const kept = lots.slice(0, best.lot);
  const taken = lots.slice(best.lot + 1);
  if (best.lot < lots.length) {
    const border = lots[best.lot];
    const [head, tail] = splitLot(border, Math.min(best.cell, lotSize(border)));
    if (head) kept.push(head);
    if (tail) taken.unshift(tail);
  }
  return { kept, taken, doneMs: best.doneMs, aloneMs };
}
