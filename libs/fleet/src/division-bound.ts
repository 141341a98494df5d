import { Costs } from './costs.ts';
import { lotsOfWork } from './lot.ts';
import { partition } from './partition.ts';
import type { Sizes, Work } from './task.ts';

/**
 * What dividing some work among workers allows at best, of 1: its FLOPs undivided, over what the workers could compute
 * until the last of them is done, if none ever waited. Less than 1 since a share that begins inside a row walks the
 * baseline there, and single cells are not divided.
 * @param speeds one a worker, any unit
 */
export function divisionBound(sizes: Sizes, work: Work, speeds: readonly number[]): number {
  const costs = new Costs(sizes);
  const blockCount = 2 * sizes.shape.layerCount;
  const shares = partition(costs, blockCount, lotsOfWork(work), speeds);
  const times = shares.map(
    (share, i) => share.reduce((sum, lot) => sum + costs.row(lot, lot.row), 0) / speeds[i],
  );
  const together = speeds.reduce((sum, speed) => sum + speed, 0);
  return costs.work(work) / (Math.max(...times) * together);
}
