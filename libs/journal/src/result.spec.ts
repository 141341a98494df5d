import { describe, expect, it } from 'vitest';
import { CONFIG, decisionOf, DENSE } from '../test/example-values.ts';
import { buildResult } from './result.ts';
import { configHash } from './run-config.ts';

const TOTALS = { totalParameters: 10_000 };

describe('buildResult', () => {
  it('holds the hashes, options, scores and the mask', () => {
    const result = buildResult(CONFIG, DENSE, [decisionOf(1, 'mlp.1'), decisionOf(2, 'mha.0')], TOTALS);
    expect(result).toMatchObject({
      schema: 1,
      modelFingerprint: CONFIG.modelFingerprint,
      calibrationHash: CONFIG.calibrationHash,
      configHash: configHash(CONFIG),
      rowCount: 2,
      stop: { kind: 'remove', count: 2 },
      mask: 'mha.0+mlp.1',
      ratio: 0.2,
      parametersRemoved: 2000,
      totalParameters: 10_000,
      dense: { score: DENSE.score, perplexity: DENSE.perplexity },
      pruned: { score: 1.25 + 2 / 7, perplexity: Math.exp(1.25 + 2 / 7) },
    });
  });

  it('is the same for runs that differ in time, workers and retries', () => {
    const decision = decisionOf(1, 'mlp.1');
    const other = {
      ...decision,
      seconds: 99,
      workers: ['elsewhere'],
      retries: 7,
      numericClasses: ['a', 'b'],
    };
    expect(buildResult(CONFIG, DENSE, [other], TOTALS)).toEqual(
      buildResult(CONFIG, DENSE, [decision], TOTALS),
    );
  });

  it('says how close candidates were confirmed, where they were', () => {
    const decisions = [decisionOf(1, 'mlp.1')];
    expect(buildResult({ ...CONFIG, confirm: 'fp32' }, DENSE, decisions, TOTALS).confirm).toBe('fp32');
    expect(buildResult(CONFIG, DENSE, decisions, TOTALS)).not.toHaveProperty('confirm');
  });

  it('tells sets and held-out rows where there are some', () => {
    const set = { rowCount: 1, weight: 0.5, contentHash: 'sha256:set' };
    const parted = {
      ...CONFIG,
      rowTokens: [20, 40, 60],
      sets: [set, set],
      heldOutRowCount: 1,
      heldOutHash: 'sha256:1',
    };
    const heldOut = { score: 2, perplexity: Math.exp(2) };
    const setScores = [
      { score: 1, best: 'mlp.1', gainNats: 0 },
      { score: 2, best: 'mha.1', gainNats: 0.5 },
    ];
    const decision = { ...decisionOf(1, 'mlp.1'), setScores, heldOut };
    const result = buildResult(parted, { ...DENSE, heldOut }, [decision], TOTALS);
    expect(result).toMatchObject({
      rowCount: 2,
      sets: [set, set],
      heldOutRowCount: 1,
      heldOutHash: 'sha256:1',
      dense: { score: DENSE.score, heldOut },
      decisions: [{ removed: 'mlp.1', setScores, heldOut }],
      pruned: { score: decision.score, heldOut },
    });
    const plain = JSON.stringify(buildResult(CONFIG, DENSE, [decisionOf(1, 'mlp.1')], TOTALS));
    expect(plain).not.toMatch(/set|heldOut/);
  });

  it('has how much is gone after each decision', () => {
    const { decisions } = buildResult(
      CONFIG,
      DENSE,
      [decisionOf(1, 'mlp.1'), decisionOf(2, 'mha.0')],
      TOTALS,
    );
    expect(decisions.map(({ parametersRemoved, ratio }) => [parametersRemoved, ratio])).toEqual([
      [1000, 0.1],
      [2000, 0.2],
    ]);
  });

  it('counts the start mask in, and gives its score', () => {
    const start = { score: 1.5, perplexity: Math.exp(1.5), parametersRemoved: 700, ratio: 0.07 };
    const config = { ...CONFIG, keep: 'mlp.0', startMask: 'mha.1', objective: 'score-per-param' as const };
    const result = buildResult(config, { ...DENSE, start }, [decisionOf(1, 'mha.0')], TOTALS);
    expect(result).toMatchObject({
      keep: 'mlp.0',
      startMask: 'mha.1',
      objective: 'score-per-param',
      mask: 'mha.0+mha.1',
      start: { score: 1.5, perplexity: Math.exp(1.5) },
    });
    expect(buildResult(config, { ...DENSE, start }, [], TOTALS)).toMatchObject({
      mask: 'mha.1',
      ratio: 0.07,
      parametersRemoved: 700,
      pruned: result.start,
    });
    for (const field of ['keep', 'startMask', 'objective', 'start', 'stopped'])
      expect(buildResult(CONFIG, DENSE, [], TOTALS)).not.toHaveProperty(field);
  });

  it('says what ended a search that had a limit', () => {
    const stopped = { reason: 'limit', block: 'mha.0', perplexity: 9, limitPerplexity: 8 } as const;
    expect(buildResult(CONFIG, DENSE, [], TOTALS, stopped).stopped).toEqual(stopped);
  });

  it('gives the dense scores for a run that removes nothing', () => {
    const result = buildResult(CONFIG, DENSE, [], TOTALS);
    expect(result).toMatchObject({ mask: 'dense', ratio: 0, parametersRemoved: 0, pruned: result.dense });
  });
});
