/** A coordinator of its own process, for tests that kill it or take its disk away: `child-run.ts <what> <folder>`. */
import { setTimeout } from 'node:timers/promises';
import { RunFolder, RunFolderError } from '../src/index.ts';
import { fillRun, finishRun } from './example-run.ts';
import { cellsOf, decisionOf, DENSE, NEW_RUN, NUMERIC_CLASS } from './example-values.ts';

const [what, path] = process.argv.slice(2);

/** Says how it ended, as one line of JSON. */
function report(outcome: object): void {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

function failureOf(error: unknown): object {
  return error instanceof RunFolderError
    ? { code: error.code, message: error.message }
    : { message: String(error) };
}

async function appendUntilKilled(): Promise<void> {
  const run = await RunFolder.create(path, NEW_RUN, { heartbeatMs: 20 });
  run.appendCells(cellsOf([]), NUMERIC_CLASS);
  await run.appendDense(DENSE);
  await run.appendDecision(decisionOf(1, 'mha.1'));
  report({ ready: true });
  for (const cells = cellsOf([2]); ; await setTimeout(1)) run.appendCells(cells, NUMERIC_CLASS);
}

async function extendUntilKilled(): Promise<void> {
  const run = await RunFolder.create(path, NEW_RUN, { heartbeatMs: 20 });
  await fillRun(run);
  await finishRun(run, {});
  await run.extend({ kind: 'remove', count: 3 });
  report({ ready: true });
  for (const cells = cellsOf([1, 2]); ; await setTimeout(1)) run.appendCells(cells, NUMERIC_CLASS);
}

async function appendUntilFull(): Promise<void> {
  process.on('SIGXFSZ', () => undefined); // So that a write over the file size limit fails instead of killing.
  const run = await RunFolder.create(path, NEW_RUN);
  let appends = 0;
  try {
    for (; ; appends++) run.appendCells(cellsOf([]), NUMERIC_CLASS);
  } catch (error) {
    report({ appends, ...failureOf(error) });
  }
}

async function createAndLeave(): Promise<void> {
  await RunFolder.create(path, NEW_RUN);
}

async function openReadOnly(): Promise<void> {
  if (process.getuid?.() === 0) process.seteuid?.(65_534); // Root may write anywhere.
  report(await RunFolder.open(path).then(() => ({}), failureOf));
}

async function createWhenFull(): Promise<void> {
  process.on('SIGXFSZ', () => undefined);
  const environment = { filler: 'x'.repeat(100_000) };
  report(await RunFolder.create(path, { ...NEW_RUN, environment }).then(() => ({}), failureOf));
}

const modes: Record<string, () => Promise<void>> = {
  appendUntilKilled,
  extendUntilKilled,
  appendUntilFull,
  createAndLeave,
  openReadOnly,
  createWhenFull,
};
await modes[what]();
