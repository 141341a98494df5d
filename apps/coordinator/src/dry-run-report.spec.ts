import { sweepFlops, type ModelShape } from '@blockpruner/blocks';
import { expectedFlops, type SearchProblem } from '@blockpruner/search';
import { describe, expect, it } from 'vitest';
import { dryRunReport } from './dry-run-report.ts';
import type { RowConfig } from './run-rows.ts';
import type { WorkerPlan } from './worker-plan.ts';

const SHAPE: ModelShape = {
  layerCount: 3,
  hiddenSize: 8,
  intermediateSize: 16,
  headCount: 2,
  kvHeadCount: 2,
  headSize: 4,
  vocabSize: 10,
  mhaParameters: 100,
  mlpParameters: 300,
  totalParameters: 2000,
};

const CALIBRATION: RowConfig = { calibrationHash: 'sha256:00', rowTokens: [5, 7] };

const PLAN: WorkerPlan = {
  local: [
    { device: 'cpu', maxThreads: 2 },
    { device: 'cpu', maxThreads: 1 },
  ],
  threads: null,
  microBatchRows: null,
  dtype: 'auto',
  stages: 'auto',
  sharedWeights: true,
  memoryLimitBytes: 3 * 2 ** 30,
  memory: {
    weightBytes: 2 ** 29,
    logitsBytes: 2 ** 28,
    activationBytes: 2 ** 27,
    runtimeBytes: 2 ** 27,
    totalBytes: 2 ** 30,
  },
  longestRowTokens: 7,
  remote: null,
  artifacts: null,
  mixedClasses: false,
  workerTimeoutMs: 900_000,
};

const EXHAUSTIVE = { search: 'exhaustive' } as const;

const remove = (count: number): SearchProblem => ({
  shape: SHAPE,
  blockType: 'mix',
  stop: { kind: 'remove', count },
});

describe('dryRunReport', () => {
  it('counts iterations, candidates and the work of the first iteration', () => {
    const report = JSON.parse(dryRunReport(remove(2), EXHAUSTIVE, CALIBRATION, PLAN, true)) as object;
    const sweep = { base: [], candidates: [0, 1, 2, 3, 4, 5], baseline: true };
    expect(report).toEqual({
      layers: 3,
      parameters: 2000,
      rows: 2,
      tokens: 12,
      search: 'exhaustive',
      iterations: { least: 2, most: 2 },
      candidateEvaluations: { least: 11, most: 11 },
      flopsOfFirstIteration: sweepFlops(SHAPE, sweep, 5) + sweepFlops(SHAPE, sweep, 7),
      flopsOfSearch: expectedFlops(remove(2), [5, 7]),
      localWorkers: PLAN.local,
      memoryPerWorker: PLAN.memory,
      memoryLimitBytesPerWorker: 3 * 2 ** 30,
      sharedWeights: true,
    });
  });

  it('counts only blocks of the type as candidates', () => {
    const problem: SearchProblem = { ...remove(2), blockType: 'mha' };
    const report = JSON.parse(dryRunReport(problem, EXHAUSTIVE, CALIBRATION, PLAN, true)) as object;
    const sweep = { base: [], candidates: [0, 2, 4], baseline: true };
    expect(report).toMatchObject({
      flopsOfFirstIteration: sweepFlops(SHAPE, sweep, 5) + sweepFlops(SHAPE, sweep, 7),
    });
  });

  it('gives a range where the number of iterations depends on which blocks go', () => {
    const problem: SearchProblem = { shape: SHAPE, blockType: 'mix', stop: { kind: 'ratio', ratio: 0.15 } };
    const text = dryRunReport(problem, EXHAUSTIVE, CALIBRATION, PLAN, false);
    expect(text).toMatch(/^iterations +1 to 3$/m);
    expect(text).toMatch(/^whole search +[\d.]+ kFLOP to [\d.]+ kFLOP, whichever blocks go$/m);
    expect(text).toMatch(/^candidates +6 to 15 to evaluate over all iterations, each on every row$/m);
  });

  it('counts held-out rows apart, and names the weights of several sets', () => {
    const set = { rowCount: 1, contentHash: 'sha256:set' };
    const sets = [
      { ...set, weight: 0.25 },
      { ...set, weight: 0.75 },
    ];
    const parted = {
      ...CALIBRATION,
      rowTokens: [5, 7, 9],
      sets,
      heldOutRowCount: 1,
      heldOutHash: 'sha256:11',
    };
    const report = JSON.parse(dryRunReport(remove(2), EXHAUSTIVE, parted, PLAN, true)) as object;
    const plain = JSON.parse(dryRunReport(remove(2), EXHAUSTIVE, CALIBRATION, PLAN, true)) as object;
    const flopsOfDense = sweepFlops(SHAPE, { base: [], candidates: [], baseline: true }, 9);
    expect(report).toEqual({ ...plain, sets, heldOut: { rows: 1, tokens: 9, flopsOfDense } });
    const text = dryRunReport(remove(2), EXHAUSTIVE, parted, PLAN, false);
    expect(text).toContain('2 rows, 12 tokens, in 2 sets: 1 rows of weight 0.2500, 1 rows of weight 0.7500');
    expect(text).toMatch(/^held out +1 rows, 9 tokens; [\d.]+ kFLOP of the dense model/m);
  });

  it('says for people what would run where, and that no run was started', () => {
    const lines = dryRunReport(remove(2), EXHAUSTIVE, CALIBRATION, PLAN, false).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'model            3 layers, 2.00 k parameters',
        'calibration      2 rows, 12 tokens',
        'search           exhaustive search',
        'iterations       2',
        'local workers    cpu, cpu',
        'memory           1.00 GiB a worker: weights 512 MiB, which all share, logits 256 MiB, activations 128 MiB, runtime 128 MiB; its limit is 3.00 GiB',
      ]),
    );
    expect(lines.at(-1)).toBe('no run was started: this was a dry run');
    const waiting = dryRunReport(remove(2), EXHAUSTIVE, CALIBRATION, { ...PLAN, local: [] }, false);
    expect(waiting).toContain('none: workers of other machines are awaited');
  });

  it('says of a race that its figures are the most it can take', () => {
    const race = { search: 'race', confidence: 0.99, seed: 1 } as const;
    expect(dryRunReport(remove(2), race, CALIBRATION, PLAN, false)).toMatch(
      /^search +race of confidence 0\.99: .*most/m,
    );
    expect(JSON.parse(dryRunReport(remove(2), race, CALIBRATION, PLAN, true))).toMatchObject(race);
  });
});
