import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRun, RunFolder } from '../src/index.ts';
import { decodeLine, encodeLine } from '../src/journal-line.ts';
import { FAST, fillRun, runPath } from './example-run.ts';
import { cellsOf, decisionOf, NEW_RUN, NUMERIC_CLASS } from './example-values.ts';

const OTHER_CLASS = 'cuda, bf16';

describe('the numeric classes of a run', () => {
  it('are kept for each mask, and the latest one for the run', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    expect(run.state.numericClass).toBeUndefined();
    run.appendCells(cellsOf([]).slice(0, 4), OTHER_CLASS);
    run.appendCells(cellsOf([]).slice(4), NUMERIC_CLASS);
    run.appendCells(cellsOf([2]), OTHER_CLASS);
    const expectClasses = ({ state }: RunFolder): void => {
      expect(state.numericClassesOf([])).toEqual([NUMERIC_CLASS, OTHER_CLASS]);
      expect(state.numericClassesOf([2])).toEqual([OTHER_CLASS]);
      expect(state.numericClassesOf([1, 2])).toEqual([]);
      expect(state.numericClass).toBe(OTHER_CLASS);
    };
    expectClasses(run);
    await run.release();
    expect((await readRun(path)).numericClass).toBe(OTHER_CLASS);
    const resumed = await RunFolder.open(path, FAST);
    expectClasses(resumed);
    await resumed.release();
  });

  it('are those of its workers in a journal that does not name them', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    await run.release();
    writeFileSync(join(path, 'journal.jsonl'), asBefore(readFileSync(join(path, 'journal.jsonl'), 'utf8')));
    const resumed = await RunFolder.open(path, FAST);
    expect(resumed.cutBytes).toEqual({ journal: 0, cells: 0 });
    expect(resumed.state.numericClass).toBe(NUMERIC_CLASS);
    expect(resumed.state.numericClassesOf([2])).toEqual([NUMERIC_CLASS]);
    expect(resumed.state.decisions).toEqual(
      [decisionOf(1, 'mha.1'), decisionOf(2, 'mlp.0')].map((decision) => ({
        ...decision,
        numericClasses: [],
        belowNoise: false,
        confirmed: null,
      })),
    );
    await resumed.release();
  });
});

/** The journal without what was not written before classes could be mixed. */
function asBefore(journal: string): string {
  const lines = journal.trimEnd().split('\n');
  return lines
    .map((line) => {
      const event = decodeLine(Buffer.from(line)) as Record<string, unknown>;
      if (event.kind === 'cells') delete event.numericClass;
      if (event.kind === 'decision') {
        const decision = event.decision as Record<string, unknown>;
        for (const field of ['numericClasses', 'belowNoise', 'confirmed']) delete decision[field];
      }
      return encodeLine(event).toString();
    })
    .join('');
}
