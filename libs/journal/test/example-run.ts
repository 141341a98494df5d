import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { buildRemovalOrder, buildResult, type RunFolder, type RunFolderOptions } from '../src/index.ts';
import { cellsOf, decisionOf, DENSE, NUMERIC_CLASS } from './example-values.ts';

/** Short enough for a test, long enough that a heartbeat moves between two polls on a busy machine. */
export const FAST: RunFolderOptions = { heartbeatMs: 10, staleMs: 400, pollMs: 100 };

/** A path for a run folder that is removed with the test. */
export function runPath(): string {
  const parent = mkdtempSync(join(tmpdir(), 'blockpruner-journal-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'run');
}

/** Fills a run up to its second decision, with cells of a third iteration behind it. */
export async function fillRun(run: RunFolder): Promise<void> {
  run.appendEvent({ kind: 'worker-joined', host: 'a', numericClass: NUMERIC_CLASS });
  run.appendCells(cellsOf([]).slice(0, 4), NUMERIC_CLASS);
  run.appendCells(cellsOf([]).slice(4), NUMERIC_CLASS);
  await run.appendDense(DENSE);
  await run.appendDecision(decisionOf(1, 'mha.1'));
  run.appendCells(cellsOf([2]), NUMERIC_CLASS);
  await run.appendDecision(decisionOf(2, 'mlp.0'));
  run.appendCells(cellsOf([1, 2]).slice(0, 2), NUMERIC_CLASS);
  run.appendEvent({ kind: 'worker-left', host: 'a' });
  run.appendCells(cellsOf([1, 2]).slice(2), NUMERIC_CLASS);
}

export async function finishRun(run: RunFolder, stats: object): Promise<void> {
  const { decisions } = run.state;
  const result = buildResult(run.config, DENSE, decisions, { totalParameters: 10_000 });
  await run.finish(result, buildRemovalOrder(decisions.map(({ removed }) => removed)), stats);
}
