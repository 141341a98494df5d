import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StopRule } from '@blockpruner/blocks';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { configHash, readRun, RunFolder, type RunConfig } from '../src/index.ts';
import { fillRun, finishRun, runPath } from './example-run.ts';
import { cellsOf, CONFIG, decisionOf, DENSE, NEW_RUN, NUMERIC_CLASS } from './example-values.ts';

const FURTHER: StopRule = { kind: 'remove', count: 3 };
const EXTENDED: RunConfig = { ...CONFIG, stop: FURTHER };
const DECISIONS = [decisionOf(1, 'mha.1'), decisionOf(2, 'mlp.0'), decisionOf(3, 'mha.0')];

/** Takes a run, wherever it stands, to the end of the extended search. */
async function complete(run: RunFolder): Promise<void> {
  if (run.config.stop.kind !== 'remove' || run.config.stop.count < 3) await run.extend(FURTHER);
  if (!run.state.dense) await run.appendDense(DENSE);
  for (const decision of DECISIONS.slice(run.state.decisions.length)) await run.appendDecision(decision);
  if (!run.state.finished) await finishRun(run, {});
}

const text = (path: string, name: string): string => readFileSync(join(path, name), 'utf8');

describe('an extended run', () => {
  it('goes on with the new stop rule, and ends with the files of a run that was created with it', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    await finishRun(run, {});
    await run.extend(FURTHER);
    expect(run.config).toEqual(EXTENDED);
    expect(run.state.finished).toBe(false);
    await run.appendDecision(DECISIONS[2]);
    await finishRun(run, {});
    run.requireConfig(CONFIG); // what it was created with
    await run.release();

    const straight = await RunFolder.create(runPath(), { ...NEW_RUN, config: EXTENDED });
    await complete(straight);
    await straight.release();
    for (const name of ['result.json', 'removal-order.json', 'iterations.jsonl'])
      expect(text(path, name)).toBe(text(straight.path, name));
    const view = await readRun(path);
    expect(view).toMatchObject({ config: EXTENDED, configHash: configHash(EXTENDED), finished: true });
    expect(view.configHash).toBe((await readRun(straight.path)).configHash);
  });

  it('keeps what ended it until it is extended', async () => {
    const run = await RunFolder.create(runPath(), NEW_RUN);
    await fillRun(run);
    const stopped = { reason: 'limit', block: 'mha.0', perplexity: 9, limitPerplexity: 8 } as const;
    const result = { stopped } as unknown as Parameters<RunFolder['finish']>[0];
    await run.finish(result, {}, {});
    expect((await readRun(run.path)).stopped).toEqual(stopped);
    await run.extend(FURTHER);
    expect(await readRun(run.path)).toMatchObject({ stopped: undefined, finished: false });
    await run.release();
  });

  it('can be extended before it has finished, and again', async () => {
    const run = await RunFolder.create(runPath(), NEW_RUN);
    const limit = { kind: 'increase', increase: 0.5 } as const;
    await run.extend({ kind: 'all', limit });
    await run.extend({ ...FURTHER, limit });
    await run.release();
    expect((await readRun(run.path)).config.stop).toEqual({ ...FURTHER, limit });
  });

  it('refuses a stop rule that no reader would take, and writes nothing of it', async () => {
    const run = await RunFolder.create(runPath(), NEW_RUN);
    const before = text(run.path, 'journal.jsonl');
    await expect(run.extend({ kind: 'remove', count: 0.5 })).rejects.toThrow(/^stop\.count is 0\.5/);
    expect(text(run.path, 'journal.jsonl')).toBe(before);
    await run.release();
  });

  it('refuses to remove a block that is gone from the start', async () => {
    const config = { ...CONFIG, startMask: 'mha.1' };
    const run = await RunFolder.create(runPath(), { ...NEW_RUN, config });
    await expect(run.appendDecision(decisionOf(1, 'mha.1'))).rejects.toThrow('removes mha.1 again');
    await run.release();
  });
});

describe('an extension cut short by a crash', () => {
  let whole: Record<string, Buffer>;
  let finishedBytes: number;

  beforeAll(async () => {
    const parent = mkdtempSync(join(tmpdir(), 'blockpruner-journal-'));
    const run = await RunFolder.create(join(parent, 'run'), NEW_RUN);
    await fillRun(run);
    await finishRun(run, {});
    finishedBytes = readFileSync(join(run.path, 'journal.jsonl')).length;
    await complete(run);
    await run.release();
    const names = readdirSync(run.path);
    whole = Object.fromEntries(names.map((name) => [name, readFileSync(join(run.path, name))]));
    rmSync(parent, { recursive: true });
  });

  it('leaves the finished run or one on its way further, which both come to the same end', async () => {
    const path = runPath();
    const length = whole['journal.jsonl'].length;
    const extendedBytes = whole['journal.jsonl'].indexOf('\n', finishedBytes) + 1;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: finishedBytes, max: length }), async (cut) => {
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path);
        const journal = whole['journal.jsonl'].subarray(0, cut);
        for (const [name, bytes] of Object.entries({ ...whole, 'journal.jsonl': journal }))
          writeFileSync(join(path, name), bytes);
        const isExtended = cut >= extendedBytes;
        const view = await readRun(path);
        expect(view.config).toEqual(isExtended ? EXTENDED : CONFIG);
        expect(view.finished).toBe(!isExtended || cut === length);
        expect(view.decisions).toEqual(DECISIONS.slice(0, view.decisions.length));
        const run = await RunFolder.open(path);
        await complete(run);
        await run.release();
        for (const name of ['result.json', 'removal-order.json', 'iterations.jsonl'])
          expect(text(path, name)).toBe(whole[name].toString());
      }),
      { numRuns: 40 },
    );
  });

  it('is found by the next owner after a kill', async () => {
    const path = runPath();
    const script = join(import.meta.dirname, 'child-run.ts');
    const child = spawn(process.execPath, [script, 'extendUntilKilled', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const run = await RunFolder.open(path);
    expect(run.config).toEqual(EXTENDED);
    expect(run.state.cells.length).toBeGreaterThanOrEqual(cellsOf([]).length + cellsOf([2]).length);
    expect(run.state.numericClass).toBe(NUMERIC_CLASS);
    await complete(run);
    await run.release();
    expect((await readRun(path)).finished).toBe(true);
  });
});
