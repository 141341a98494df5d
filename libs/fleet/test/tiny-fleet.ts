import type { BlockIndex, ModelShape } from '@blockpruner/blocks';
import { windowCount, type Cell, type CellId } from '@blockpruner/perplexity';
import { Fleet } from '../src/fleet.ts';
import type { FleetOptions } from '../src/fleet-options.ts';
import { cellsOf, type Task, type Work } from '../src/task.ts';

export const shapeOf = (layerCount: number): ModelShape => ({
  layerCount,
  hiddenSize: 32,
  intermediateSize: 96,
  headCount: 4,
  kvHeadCount: 2,
  headSize: 8,
  vocabSize: 128,
  mhaParameters: 3000,
  mlpParameters: 9000,
  totalParameters: 12000 * layerCount + 4096,
});

/** All candidates of a dense model, on all rows. */
export function denseWork(layerCount: number, rowCount: number): Work {
  return {
    base: [],
    candidates: Array.from({ length: 2 * layerCount }, (_, block): BlockIndex => block),
    baseline: true,
    rows: Array.from({ length: rowCount }, (_, row) => row),
  };
}

export function tinyFleet(options: Partial<FleetOptions> = {}): Fleet {
  return new Fleet({
    shape: shapeOf(4),
    rowTokens: new Array<number>(8).fill(32),
    leaseMs: 1000,
    heartbeatTimeoutMs: 300,
    maxTasksPerWorker: 2,
    ...options,
  });
}

export const workerOf = (id: string, numericClass = 'cpu-a') => ({
  id,
  name: `host-${id}`,
  numericClass,
  device: 'cpu',
});

export function cellOf(id: CellId, tokens = 32): Cell {
  return { ...id, windowSums: new Float64Array(windowCount(tokens)).fill(id.row + (id.candidate ?? 0.5)) };
}

export function taskCells(task: Task, rowTokens?: readonly number[]): Cell[] {
  return cellsOf(task).map((id) => cellOf(id, rowTokens?.[id.row]));
}

export const always = () => true;
