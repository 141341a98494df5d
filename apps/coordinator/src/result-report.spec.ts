import { join } from 'node:path';
import type { RunResult } from '@blockpruner/journal';
import { describe, expect, it } from 'vitest';
import { resultReport } from './result-report.ts';

const DECISIONS: RunResult['decisions'] = [
  {
    iteration: 1,
    removed: 'mha.1',
    score: 1.75,
    perplexity: 5.754602676,
    margin: 0.0125,
    runnerUp: 'mlp.0',
    parametersRemoved: 20_000,
    ratio: 0.1,
  },
  {
    iteration: 2,
    removed: 'mlp.0',
    score: 2.25,
    perplexity: 9.487735836,
    margin: null,
    runnerUp: null,
    parametersRemoved: 50_000,
    ratio: 0.25,
  },
];

const RESULT: RunResult = {
  schema: 1,
  modelFingerprint: 'sha256:00',
  calibrationHash: 'sha256:11',
  configHash: 'sha256:22',
  layerCount: 2,
  rowCount: 3,
  blockType: 'mix',
  search: 'exhaustive',
  stop: { kind: 'remove', count: 2 },
  dense: { score: 2, perplexity: 7.389056099 },
  decisions: DECISIONS,
  mask: 'mlp.0+mha.1',
  ratio: 0.25,
  parametersRemoved: 50_000,
  totalParameters: 200_000,
  pruned: { score: 2.25, perplexity: 9.487735836 },
};

describe('resultReport', () => {
  it('shows the dense model and every decision in a table, then what is gone and where the run is', () => {
    expect(resultReport(RESULT, join(process.cwd(), 'runs/one'), false).split('\n')).toEqual([
      '| iteration | removed |    score | perplexity |     delta | runner-up |  margin |',
      '| --------: | ------- | -------: | ---------: | --------: | --------- | ------: |',
      '|         0 | (dense) | 2.000000 |     7.3891 | +0.000000 |           |         |',
      '|         1 | mha.1   | 1.750000 |     5.7546 | -0.250000 | mlp.0     | 1.25e-2 |',
      '|         2 | mlp.0   | 2.250000 |     9.4877 | +0.250000 |           |         |',
      '',
      'removed 2 blocks by an exhaustive search, 50.0 k of 200 k parameters (ratio 0.250000, 25.00 %)',
      'run folder: runs/one',
    ]);
  });

  it('says of one block that it is one, and shows a folder that is not below here in full', () => {
    const one = { ...RESULT, decisions: DECISIONS.slice(0, 1) };
    const lines = resultReport(one, '/somewhere/else', false).split('\n');
    expect(lines.at(-2)).toMatch(/^removed 1 block by an exhaustive search, /);
    expect(lines.at(-1)).toBe('run folder: /somewhere/else');
  });

  it('gives as JSON the whole result, in one line, with the folder in full', () => {
    const folder = join(process.cwd(), 'runs/one');
    const text = resultReport(RESULT, folder, true);
    expect(text).not.toContain('\n');
    expect(JSON.parse(text)).toEqual({ ...RESULT, folder });
  });
});
