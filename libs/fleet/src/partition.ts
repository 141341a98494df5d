import type { Costs } from './costs.ts';
import { forksOf, lotSize, splitLot, type Lot } from './lot.ts';
import { cellCandidates } from './task.ts';

/** Halvings of the interval in which the makespan lies: to a millionth of it. */
const ROUNDS = 20;

/**
 * Cuts lots into one share a worker so that all are done at the same time. The lots are laid end to end, and each worker
 * gets an unbroken stretch as long as it is fast, so that few rows are cut; a share that begins inside a row pays for the
 * baseline's walk to its first cell.
 * @param speeds one a worker, in the order in which they get their stretches; any unit, above 0
 * @returns as many shares as speeds, some without a lot where there are fewer cells than workers
 */
export function partition(
  costs: Costs,
  blockCount: number,
  lots: readonly Lot[],
  speeds: readonly number[],
): Lot[][] {
  if (speeds.length === 1) return [[...lots]];
  const steps = lots.map((lot) => stepsOf(costs, blockCount, lot));
  const total = steps.reduce((sum, { cells, walks }) => sum + sumOf(cells) + sumOf(walks), 0);
  const speed = sumOf(speeds);
  let low = total / speed;
  // At twice the time each worker but the last has done its part and more, unless single cells are that costly.
  let high = 2 * low;
  while (!fits(steps, speeds, high)) high *= 2;
  for (let round = 0; round < ROUNDS; round++) {
    const middle = (low + high) / 2;
    if (fits(steps, speeds, middle)) high = middle;
    else low = middle;
  }
  return cutAt(lots, fill(steps, speeds, high));
}

/** The cells of a lot. */
interface Steps {
  /** FLOPs of each cell alone. */
  readonly cells: Float64Array;
  /** Of the baseline's walk to each cell from the one before, the first from the embedding. */
  readonly walks: Float64Array;
}

function stepsOf(costs: Costs, blockCount: number, lot: Lot): Steps {
  const { base, row } = lot;
  const forks = forksOf(lot, blockCount);
  return {
    cells: Float64Array.from(cellCandidates(lot), (candidate) => costs.cell(lot, row, candidate)),
    walks: Float64Array.from(forks, (fork, i) => costs.walk(base, row, forks[i - 1] ?? 0, fork)),
  };
}

/** Where each share begins: a lot and a cell of it. */
type Place = readonly [lot: number, cell: number];

/** Gives each worker in turn as many cells as it can do in the time. @returns where shares begin, and where the last ends */
function fill(steps: readonly Steps[], speeds: readonly number[], time: number): Place[] {
  const places: Place[] = [[0, 0]];
  let lot = 0;
  let cell = 0;
  let walked = 0; // of the row so far
  for (const speed of speeds) {
    let left = speed * time - walked; // the walk to the first cell, where the row was begun by another
    while (lot < steps.length) {
      const { cells, walks } = steps[lot];
      left -= cells[cell] + walks[cell];
      if (left < 0) break;
      walked += walks[cell];
      if (++cell < cells.length) continue;
      lot++;
      cell = 0;
      walked = 0;
    }
    places.push([lot, cell]);
  }
  return places;
}

function fits(steps: readonly Steps[], speeds: readonly number[], time: number): boolean {
  return fill(steps, speeds, time).at(-1)![0] === steps.length;
}

function cutAt(lots: readonly Lot[], places: readonly Place[]): Lot[][] {
  return places.slice(1).map(([endLot, endCell], i) => {
    const [startLot, startCell] = places[i];
    const share: Lot[] = [];
    for (let at = startLot; at <= endLot && at < lots.length; at++) {
      const end = at === endLot ? endCell : lotSize(lots[at]);
      const [head] = splitLot(lots[at], end);
      const [, part] = head ? splitLot(head, at === startLot ? startCell : 0) : [null, null];
      if (part) share.push(part);
    }
    return share;
  });
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
