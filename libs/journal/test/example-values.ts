import { blocksOfType, formatBlock, type Mask } from '@blockpruner/blocks';
import { windowCount, type Cell } from '@blockpruner/perplexity';
import type { DecisionRecord, DenseRecord, NewRun, RunConfig } from '../src/index.ts';

export const CONFIG: RunConfig = {
  modelFingerprint: 'sha256:model',
  calibrationHash: 'sha256:rows',
  rowTokens: [20, 40],
  layerCount: 2,
  blockType: 'mix',
  search: 'exhaustive',
  stop: { kind: 'remove', count: 2 },
};

export const NUMERIC_CLASS = 'cpu-avx512';

export const NEW_RUN: NewRun = {
  runId: 'c0ffee00',
  config: CONFIG,
  configYaml: 'remove: 2 # given\n',
  environment: { node: 'v24' },
  calibrationRows: CONFIG.rowTokens.map((tokens) => Int32Array.from({ length: tokens }, (_, i) => 7 * i)),
  createdAt: '2025-01-01T00:00:00.000Z',
};

export const DENSE: DenseRecord = { score: 1.25, perplexity: Math.exp(1.25), rows: [1, 1.5] };

/** All cells of an iteration: values that name what they are of. */
export function cellsOf(mask: Mask): Cell[] {
  const candidates = blocksOfType('mix', CONFIG.layerCount).filter((block) => !mask.includes(block));
  return [null, ...candidates].flatMap((candidate) =>
    CONFIG.rowTokens.map((tokens, row) => ({
      mask,
      candidate,
      row,
      windowSums: Float64Array.from(
        { length: windowCount(tokens) },
        (_, window) => 100 * mask.length + 10 * (candidate ?? -1) + row + Math.PI * window,
      ),
    })),
  );
}

export function decisionOf(iteration: number, removed: string): DecisionRecord {
  return {
    iteration,
    removed,
    score: 1.25 + iteration / 7,
    perplexity: Math.exp(1.25 + iteration / 7),
    margin: 0.1 / 3,
    candidates: [
      { block: removed, score: 1.25 + iteration / 7, rowCount: 2 },
      { block: formatBlock(3), score: NaN, rowCount: 2 },
    ],
    seconds: 0.5,
    runnerUp: 'mlp.1',
    workers: ['local-0'],
    retries: 0,
    parametersRemoved: 1000 * iteration,
    ratio: iteration / 10,
    numericClasses: [NUMERIC_CLASS],
    belowNoise: true,
    confirmed: {
      candidates: [
        { block: removed, score: 1.25 + iteration / 9, rowCount: 2 },
        { block: 'mlp.1', score: -Infinity, rowCount: 2 },
      ],
    },
  };
}
