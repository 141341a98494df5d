import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cellKey, type Cell } from '@blockpruner/perplexity';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRun, RunFolder, RunFolderError } from '../src/index.ts';
import { encodeLine } from '../src/journal-line.ts';
import { fillRun, runPath } from './example-run.ts';
import { cellsOf, decisionOf, DENSE, NEW_RUN, NUMERIC_CLASS } from './example-values.ts';

type Files = Record<string, Buffer>;

const CELLS = [...cellsOf([]), ...cellsOf([2]), ...cellsOf([1, 2])];
const DECISIONS = [decisionOf(1, 'mha.1'), decisionOf(2, 'mlp.0')];

let whole: Files;

beforeAll(async () => {
  const parent = mkdtempSync(join(tmpdir(), 'blockpruner-journal-'));
  const run = await RunFolder.create(join(parent, 'run'), NEW_RUN);
  await fillRun(run);
  await run.release();
  const names = readdirSync(run.path);
  whole = Object.fromEntries(names.map((name) => [name, readFileSync(join(run.path, name))]));
  rmSync(parent, { recursive: true });
});

/** Writes the files of the run with some of them changed. */
function restore(path: string, changed: Files): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  for (const [name, bytes] of Object.entries({ ...whole, ...changed }))
    writeFileSync(join(path, name), bytes);
}

/** How much of cells.bin the durable events of a journal vouch for. */
function vouchedBytes(journal: Buffer): number {
  let end = 0;
  let vouched = 0;
  for (const line of journal.toString().split('\n').slice(0, -1)) {
    const { event } = JSON.parse(line) as {
      event: { kind: string; offset: number; cells: [string, number][] };
    };
    if (event.kind === 'cells')
      end = event.offset + 8 + event.cells.reduce((sum, [, row]) => sum + 8 * (2 + row), 0);
    if (event.kind === 'decision' || event.kind === 'dense') vouched = end;
  }
  return vouched;
}

function expectPrefix({ state }: RunFolder): void {
  expect(state.cells).toEqual(CELLS.slice(0, state.cells.length));
  expect(state.decisions).toEqual(DECISIONS.slice(0, state.decisions.length));
  if (state.dense) expect(state.dense).toEqual(DENSE);
}

/** Appends what the folder lacks, as a resumed search would. */
async function complete(run: RunFolder): Promise<void> {
  const held = new Set(run.state.cells.map(cellKey));
  const missing = (cells: Cell[]): Cell[] => cells.filter((cell) => !held.has(cellKey(cell)));
  run.appendCells(missing(cellsOf([])), NUMERIC_CLASS);
  if (!run.state.dense) await run.appendDense(DENSE);
  if (run.state.decisions.length < 1) await run.appendDecision(DECISIONS[0]);
  run.appendCells(missing(cellsOf([2])), NUMERIC_CLASS);
  if (run.state.decisions.length < 2) await run.appendDecision(DECISIONS[1]);
  run.appendCells(missing(cellsOf([1, 2])), NUMERIC_CLASS);
}

async function expectComplete(path: string): Promise<void> {
  const run = await RunFolder.open(path);
  expect(run.cutBytes).toEqual({ journal: 0, cells: 0 });
  expect(run.state.decisions).toEqual(DECISIONS);
  const sorted = (cells: readonly Cell[]): Cell[] =>
    cells.toSorted((a, b) => (cellKey(a) < cellKey(b) ? -1 : 1));
  expect(sorted(run.state.cells)).toEqual(sorted(CELLS));
  await run.release();
}

describe('a run folder cut short by a crash', () => {
  it(
    'opens with a prefix of the run, whatever prefix of its files is left, and can be completed',
    { timeout: 60_000 },
    async () => {
      const path = runPath();
      const firstLine = whole['journal.jsonl'].indexOf('\n') + 1;
      const cuts = fc.record({
        journal: fc.integer({ min: firstLine, max: whole['journal.jsonl'].length }),
        cells: fc.oneof(fc.constant(whole['cells.bin'].length), fc.nat(whole['cells.bin'].length)),
      });
      await fc.assert(
        fc.asyncProperty(cuts, async (cut) => {
          const journal = whole['journal.jsonl'].subarray(0, cut.journal);
          restore(path, { 'journal.jsonl': journal, 'cells.bin': whole['cells.bin'].subarray(0, cut.cells) });
          if (cut.cells < vouchedBytes(journal)) {
            await expect(RunFolder.open(path)).rejects.toMatchObject({ code: 'corrupt' });
            return;
          }
          const run = await RunFolder.open(path);
          expectPrefix(run);
          await complete(run);
          await run.release();
          await expectComplete(path);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('says how many bytes it cut off', async () => {
    const path = runPath();
    const torn = Buffer.concat([whole['journal.jsonl'], Buffer.from('{"crc":"0000')]);
    restore(path, {
      'journal.jsonl': torn,
      'cells.bin': Buffer.concat([whole['cells.bin'], Buffer.alloc(5)]),
    });
    const view = await readRun(path);
    expect(view.decisions).toEqual(DECISIONS);
    expect(readFileSync(join(path, 'journal.jsonl'))).toEqual(torn);
    const run = await RunFolder.open(path);
    expect(run.cutBytes).toEqual({ journal: 12, cells: 5 });
    expect(run.state.cells).toEqual(CELLS);
    await run.release();
    expect(readFileSync(join(path, 'journal.jsonl'))).toEqual(whole['journal.jsonl']);
  });

  it('loses only what came behind the last decision when the disk kept later writes but not earlier ones', async () => {
    const path = runPath();
    const lines = whole['journal.jsonl'].toString().split('\n');
    const hole = lines.with(-4, '\0'.repeat(lines.at(-4)!.length)).join('\n');
    restore(path, { 'journal.jsonl': Buffer.from(hole) });
    const run = await RunFolder.open(path);
    expect(run.state.decisions).toEqual(DECISIONS);
    expect(run.state.cells).toEqual(CELLS.slice(0, 18));
    await complete(run);
    await run.release();
    await expectComplete(path);
  });
});

describe('a damaged run folder', () => {
  it('never gives a wrong number for a flipped bit', async () => {
    const path = runPath();
    const flips = fc
      .constantFrom('journal.jsonl', 'cells.bin', 'rows.json')
      .chain((name) => fc.record({ name: fc.constant(name), bit: fc.nat(8 * whole[name].length - 1) }));
    await fc.assert(
      fc.asyncProperty(flips, async ({ name, bit }) => {
        const damaged = Buffer.from(whole[name]);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        restore(path, { [name]: damaged });
        try {
          const run = await RunFolder.open(path);
          await run.release();
          expect(run.cutBytes.journal).toBeGreaterThan(0);
          expectPrefix(run);
          expect(run.state.decisions.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ name: 'RunFolderError', code: 'corrupt' });
        }
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    [
      'the first decision',
      'journal.jsonl',
      '"removed":"mha.1"',
      /journal\.jsonl line 6 is damaged \(wrong checksum\), in front of iteration 2 on line 8; restore/,
    ],
    [
      'the first line',
      'journal.jsonl',
      'sha256:model',
      /journal\.jsonl line 1 is damaged \(wrong checksum\), in front of "dense" on line 5; restore/,
    ],
  ])('names the file, the line and the way out for damage in %s', async (_what, name, text, message) => {
    const path = runPath();
    const damaged = Buffer.from(whole[name]);
    damaged[damaged.indexOf(text)] ^= 1;
    restore(path, { [name]: damaged });
    await expect(RunFolder.open(path)).rejects.toMatchObject({ code: 'corrupt', message });
    await expect(readRun(path)).rejects.toMatchObject({ code: 'corrupt', message });
    expect(readFileSync(join(path, name))).toEqual(damaged);
    expect(readdirSync(path)).not.toContain('owner.json');
  });

  it('names the record and the decision it went into for damage in cells.bin', async () => {
    const path = runPath();
    const damaged = Buffer.from(whole['cells.bin']);
    damaged[20] ^= 1;
    restore(path, { 'cells.bin': damaged });
    await expect(RunFolder.open(path)).rejects.toThrow(
      /cells\.bin is damaged at byte 0 \(wrong checksum: journal\.jsonl line 3\), in front of "dense" on line 5/,
    );
  });

  it.each(['cells.bin', 'rows.json'])('says so when %s is missing', async (name) => {
    const path = runPath();
    restore(path, {});
    rmSync(join(path, name));
    await expect(RunFolder.open(path)).rejects.toMatchObject({
      code: 'corrupt',
      message: new RegExp(`${name} is missing`),
    });
  });

  it('refuses a journal of a later format by name', async () => {
    const path = runPath();
    restore(path, { 'journal.jsonl': encodeLine({ kind: 'created', schema: 2 }) });
    await expect(readRun(path)).rejects.toMatchObject({
      code: 'mismatch',
      message: /has format 2, this version reads 1/,
    });
  });

  it('survives any bytes in place of the journal', async () => {
    const path = runPath();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        restore(path, { 'journal.jsonl': Buffer.from(bytes) });
        await expect(RunFolder.open(path)).rejects.toBeInstanceOf(RunFolderError);
      }),
      { numRuns: 30 },
    );
  });

  it('survives any well-formed event behind the good ones', async () => {
    const path = runPath();
    const kinds = fc.constantFrom('created', 'cells', 'dense', 'decision', 'finished');
    const events = fc.tuple(
      kinds,
      fc.dictionary(fc.constantFrom('offset', 'mask', 'cells', 'dense', 'decision'), fc.jsonValue()),
    );
    await fc.assert(
      fc.asyncProperty(events, async ([kind, fields]) => {
        const line = encodeLine({ time: '', ...fields, kind });
        restore(path, { 'journal.jsonl': Buffer.concat([whole['journal.jsonl'], line]) });
        const outcome = await readRun(path).catch((error: unknown) => error);
        if (kind === 'finished') expect(outcome).toMatchObject({ finished: true });
        else
          expect(outcome).toMatchObject({
            code: 'corrupt',
            message: /line 12 does not fit|line 12 names byte/,
          });
      }),
      { numRuns: 100 },
    );
  });
});
