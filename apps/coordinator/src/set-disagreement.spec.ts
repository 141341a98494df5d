import { Writable } from 'node:stream';
import { createLogger } from '@blockpruner/telemetry';
import { describe, expect, it } from 'vitest';
import { disagreementLine, setScoreRecords, warnOfDisagreement } from './set-disagreement.ts';

const agrees = { score: 3, best: 'mha.1', gainNats: 0 };
const differs = { score: 4, best: 'mlp.2', gainNats: 0.0123 };

function warningsOf(decision: Parameters<typeof warnOfDisagreement>[1]): Record<string, unknown>[] {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  warnOfDisagreement(createLogger({ level: 'info', format: 'json', stream }), decision);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('warnOfDisagreement', () => {
  it('names in one line each set that would have chosen otherwise', () => {
    const setScores = [agrees, differs, { ...differs, best: 'mha.0', gainNats: 0.5 }];
    expect(warningsOf({ iteration: 2, removed: 'mha.1', setScores })).toMatchObject([
      {
        level: 40,
        msg: 'iteration 2: the calibration sets disagree with mha.1: set 2 alone would remove mlp.2, by 1.23e-2 nats; set 3 alone would remove mha.0, by 5.00e-1 nats',
      },
    ]);
  });

  it('says nothing where they agree, or there is one', () => {
    expect(warningsOf({ iteration: 1, removed: 'mha.1', setScores: [agrees, agrees] })).toEqual([]);
    expect(warningsOf({ iteration: 1, removed: 'mha.1' })).toEqual([]);
  });
});

describe('disagreementLine', () => {
  it('counts the iterations in which each set would have chosen otherwise', () => {
    const decisions = [
      { removed: 'mha.1', setScores: [agrees, differs] },
      { removed: 'mha.1', setScores: [agrees, agrees] },
      { removed: 'mha.1' },
    ];
    expect(disagreementLine(decisions)).toBe(
      'of 3 iterations, the calibration sets alone would have chosen otherwise: set 1 in 0, set 2 in 1',
    );
    expect(disagreementLine([{ removed: 'mha.1' }])).toBeNull();
    expect(disagreementLine([])).toBeNull();
  });
});

describe('setScoreRecords', () => {
  it('writes blocks in text form', () => {
    expect(setScoreRecords([{ score: 3, best: 2, gainNats: 0 }])).toEqual([agrees]);
    expect(setScoreRecords(undefined)).toBeUndefined();
  });
});
