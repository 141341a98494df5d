import { describe, expect, it } from 'vitest';
import { FakeTerminal } from '../test/fake-terminal.ts';
import { logIteration, type IterationFields } from './iteration.ts';
import { createLogger } from './logger.ts';

const fields: IterationFields = {
  iteration: 3,
  removed: 'mha.12',
  score: 2.9123,
  perplexity: 18.3989,
  deltaNats: 0.0312,
  runnerUp: 'mlp.4',
  margin: 0.0021,
  candidates: 55,
  rows: 256,
  cells: 55 * 256,
  tokensPerSecond: 12_345,
  flopsPerSecond: 2.6e12,
  mfuPercent: 41.24,
  seconds: 42,
  workers: 4,
  retries: 0,
  parametersRemoved: 12_300_000,
  ratio: 0.0912,
  etaSeconds: 725,
};

function lineOf(format: 'json' | 'pretty', logged: IterationFields): string {
  const terminal = new FakeTerminal();
  logIteration(createLogger({ level: 'info', format, stream: terminal }), logged);
  expect(terminal.lines).toHaveLength(1);
  return terminal.lines[0];
}

describe('the iteration line', () => {
  it('has its fields and the message "iteration" as JSON', () => {
    expect(JSON.parse(lineOf('json', fields))).toMatchObject({ ...fields, msg: 'iteration', level: 30 });
  });

  it('is a sentence for a person', () => {
    expect(lineOf('pretty', fields)).toMatch(
      /\] INFO: iteration 3: removed mha\.12, perplexity 18\.399 \(\+0\.0312 nats to dense\), runner-up mlp\.4 \+0\.0021, 55 candidates x 256 rows in 42 s, 12\.3 k tokens\/s, 2\.60 TFLOP\/s \(MFU 41\.2 %\), 4 workers, 0 retries, 12\.3 M parameters removed \(9\.12 %\), ETA 12 min 05 s$/,
    );
  });

  it('says how much of it a race has left out', () => {
    expect(lineOf('pretty', { ...fields, cells: 3000 })).toContain(
      '55 candidates x 256 rows, 3000 of 14080 cells, in 42 s',
    );
  });

  it('does without a runner-up, an estimate and a peak', () => {
    const none = { runnerUp: null, margin: null, mfuPercent: null, etaSeconds: null };
    const line = lineOf('pretty', { ...fields, ...none });
    expect(line).toContain(', no runner-up, ');
    expect(line).toContain(', 2.60 TFLOP/s, 4 workers');
    expect(line).not.toContain('ETA');
  });

  it('has the held-out perplexity where there is one', () => {
    const heldOut = { heldOutPerplexity: 21.0371, heldOutDeltaNats: 0.0511 };
    expect(JSON.parse(lineOf('json', { ...fields, ...heldOut }))).toMatchObject(heldOut);
    expect(lineOf('pretty', { ...fields, ...heldOut })).toContain(
      '(+0.0312 nats to dense), held-out perplexity 21.037 (+0.0511), runner-up mlp.4',
    );
    expect(lineOf('pretty', { ...fields, heldOutPerplexity: NaN, heldOutDeltaNats: NaN })).toContain(
      'held-out perplexity NaN (NaN)',
    );
    expect(lineOf('json', fields)).not.toContain('heldOut');
  });

  it('writes numbers that are not finite as strings', () => {
    const broken = { ...fields, margin: Infinity, deltaNats: NaN, etaSeconds: Infinity };
    expect(JSON.parse(lineOf('json', broken))).toMatchObject({ margin: 'Infinity', deltaNats: 'NaN' });
    expect(lineOf('pretty', broken)).toMatch(
      /\(NaN nats to dense\), runner-up mlp\.4 \+Infinity.* ETA unknown$/,
    );
  });
});
