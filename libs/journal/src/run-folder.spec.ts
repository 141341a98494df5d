import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAST, fillRun, finishRun, runPath } from '../test/example-run.ts';
import { cellsOf, CONFIG, decisionOf, DENSE, NEW_RUN, NUMERIC_CLASS } from '../test/example-values.ts';
import { holdsRun, readRun, readRunContents, RunFolder } from './index.ts';

const lines = (path: string, name: string): string[] =>
  readFileSync(join(path, name), 'utf8').trim().split('\n');

describe('RunFolder', () => {
  it('gives back everything that was written, bit for bit', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    await run.release();

    const again = await RunFolder.open(path);
    expect(again.config).toEqual(CONFIG);
    expect([again.createdAt, again.runId]).toEqual([NEW_RUN.createdAt, NEW_RUN.runId]);
    expect((await readRun(path)).runId).toBe(NEW_RUN.runId);
    expect(again.calibrationRows).toEqual(NEW_RUN.calibrationRows);
    expect(again.cutBytes).toEqual({ journal: 0, cells: 0 });
    expect(again.state.cells).toEqual([...cellsOf([]), ...cellsOf([2]), ...cellsOf([1, 2])]);
    expect(again.state.dense).toEqual(DENSE);
    expect(again.state.decisions).toEqual([decisionOf(1, 'mha.1'), decisionOf(2, 'mlp.0')]);
    expect(again.state.notes.map(({ kind, host }) => [kind, host])).toEqual([
      ['worker-joined', 'a'],
      ['worker-left', 'a'],
    ]);
    expect(again.state.finished).toBe(false);
    await again.release();
  });

  it('shows all that it holds to who does not own it', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    const { cells, rows, decisions, owner, cellCount } = await readRunContents(path);
    expect(cells).toEqual([...cellsOf([]), ...cellsOf([2]), ...cellsOf([1, 2])]);
    expect([rows, decisions.length, cellCount]).toEqual([NEW_RUN.calibrationRows, 2, cells.length]);
    expect(owner?.pid).toBe(process.pid);
    await run.release();
    rmSync(join(path, 'cells.bin'));
    await expect(readRunContents(path)).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('appends a line of iterations.jsonl for each decision and rebuilds the file on resume', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    const before = readFileSync(join(path, 'iterations.jsonl'), 'utf8');
    await run.release();
    const [first] = lines(path, 'iterations.jsonl').map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    expect(Object.keys(first).slice(0, 7)).toEqual(
      ['iteration', 'removed', 'score', 'perplexity', 'margin', 'candidates', 'seconds'], // as documented
    );
    expect(first).toMatchObject({ removed: 'mha.1', score: 1.25 + 1 / 7, margin: 0.1 / 3 });
    expect(first.candidates).toContainEqual({ block: 'mlp.1', score: 'NaN', rowCount: 2 });

    rmSync(join(path, 'iterations.jsonl'));
    const again = await RunFolder.open(path);
    expect(readFileSync(join(path, 'iterations.jsonl'), 'utf8')).toBe(before);
    await again.appendDecision(decisionOf(3, 'mha.0'));
    await again.release();
    expect(lines(path, 'iterations.jsonl')).toHaveLength(3);
  });

  it('gives back what sets and held-out rows say, and takes no row of theirs for one of the score', async () => {
    const path = runPath();
    const [first] = NEW_RUN.calibrationRows;
    const config = { ...CONFIG, rowTokens: [20, 40, 20], heldOutRowCount: 1, heldOutHash: 'sha256:1' };
    const run = await RunFolder.create(path, {
      ...NEW_RUN,
      config,
      calibrationRows: [...NEW_RUN.calibrationRows, first],
    });
    const heldOut = { score: NaN, perplexity: NaN };
    const setScores = [{ score: 1, best: 'mlp.1', gainNats: 0.25 }];
    await expect(run.appendDense({ ...DENSE, rows: [1, 2, 3] })).rejects.toThrow('dense.rows.length is 3');
    await run.appendDense({ ...DENSE, heldOut });
    run.appendCells([{ ...cellsOf([])[0], row: 2 }], NUMERIC_CLASS);
    await run.appendDecision({ ...decisionOf(1, 'mha.1'), setScores, heldOut });
    await run.release();
    const again = await RunFolder.open(path);
    expect(again.state.dense).toEqual({ ...DENSE, heldOut });
    expect(again.state.decisions).toEqual([{ ...decisionOf(1, 'mha.1'), setScores, heldOut }]);
    expect(again.state.cells).toMatchObject([{ row: 2 }]);
    await again.release();
  });

  it('writes the result files and nothing but notes behind them', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    await finishRun(run, { seconds: Infinity });
    await expect(run.appendDecision(decisionOf(3, 'mha.0'))).rejects.toThrow(
      'decision after the run has finished',
    );
    await expect(finishRun(run, {})).rejects.toThrow('finished after the run has finished');
    run.appendEvent({ kind: 'exported' });
    await run.release();

    expect(readdirSync(path).sort()).toEqual(
      ['cells.bin', 'config.yaml', 'environment.json', 'iterations.jsonl', 'journal.jsonl'].concat(
        ['removal-order.json', 'result.json', 'rows.json', 'stats.json'], // neither owner.json nor *.incomplete
      ),
    );
    const json = (name: string): unknown => JSON.parse(readFileSync(join(path, name), 'utf8'));
    expect(json('result.json')).toMatchObject({ schema: 1, mask: 'mlp.0+mha.1', ratio: 0.2 });
    expect(json('removal-order.json')).toEqual({
      1: [['mha', 1]],
      2: [
        ['mlp', 0],
        ['mha', 1],
      ],
    });
    expect(json('stats.json')).toEqual({ seconds: 'Infinity' });
    expect(readFileSync(join(path, 'config.yaml'), 'utf8')).toBe(NEW_RUN.configYaml);
    expect((await readRun(path)).finished).toBe(true);
  });

  it('refuses a folder that holds a run, or anything else', async () => {
    const path = runPath();
    await (await RunFolder.create(path, NEW_RUN)).release();
    await expect(RunFolder.create(path, NEW_RUN)).rejects.toMatchObject({
      code: 'taken',
      message: `${path} already holds a run: resume it, or choose another folder`,
    });
    const foreign = runPath();
    mkdirSync(foreign);
    await (await RunFolder.create(foreign, NEW_RUN)).release();
    const notes = runPath();
    mkdirSync(notes);
    writeFileSync(join(notes, 'notes.txt'), '');
    await expect(RunFolder.create(notes, NEW_RUN)).rejects.toMatchObject({
      code: 'taken',
      message: /notes\.txt/,
    });
    expect(readdirSync(notes)).toEqual(['notes.txt']);
  });

  it('lets only one of several runs have a new folder', async () => {
    const path = runPath();
    const attempts = await Promise.allSettled([0, 1, 2].map(() => RunFolder.create(path, NEW_RUN, FAST)));
    const made = attempts.filter((attempt) => attempt.status === 'fulfilled');
    const refused = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(made).toHaveLength(1);
    for (const { reason } of refused) expect(['taken', 'owned']).toContain((reason as { code: string }).code);
    expect(refused).toHaveLength(2);
    await made[0].value.release();
    expect((await readRun(path)).config).toEqual(CONFIG);
  });

  it('makes a run where a crash came before one was made, once its owner is seen to be dead', async () => {
    const path = runPath();
    mkdirSync(path);
    const write = (name: string, text: string): void => writeFileSync(join(path, name), text);
    write('owner.json', '');
    write('config.yaml', 'of another start');
    write('cells.bin', '');
    write('journal.jsonl.incomplete', '{"crc"');
    expect(await holdsRun(path)).toBe(false);
    const waits: string[] = [];
    const run = await RunFolder.create(path, NEW_RUN, { ...FAST, onWait: (line) => waits.push(line) });
    expect(waits).toEqual([expect.stringContaining('waiting up to 1 s')]);
    await run.release();
    expect(await holdsRun(path)).toBe(true);
    expect(readFileSync(join(path, 'config.yaml'), 'utf8')).toBe(NEW_RUN.configYaml);
  });

  it.each(['notes.txt', 'result.json', 'cells.bin'])(
    'takes nothing for such a start that holds %s, and changes nothing there',
    async (name) => {
      const path = runPath();
      mkdirSync(path);
      writeFileSync(join(path, 'owner.json'), '');
      writeFileSync(join(path, name), 'something');
      const refused = {
        code: 'taken',
        message: `${path} is not empty (${name}): choose an empty or a new folder`,
      };
      await expect(RunFolder.create(path, NEW_RUN, FAST)).rejects.toMatchObject(refused);
      expect(readdirSync(path).sort()).toEqual([name, 'owner.json'].sort());
    },
  );

  it('leaves a config.yaml alone that no run has been started with', async () => {
    const path = runPath();
    mkdirSync(path);
    writeFileSync(join(path, 'config.yaml'), 'mine');
    await expect(RunFolder.create(path, NEW_RUN, FAST)).rejects.toMatchObject({ code: 'taken' });
    expect(readFileSync(join(path, 'config.yaml'), 'utf8')).toBe('mine');
  });

  it('is not hit by what its last owner had begun to write', async () => {
    const path = runPath();
    const before = await RunFolder.create(path, NEW_RUN);
    await fillRun(before);
    const begun = ['journal.jsonl', 'cells.bin', 'iterations.jsonl'].map((name) =>
      openSync(join(path, name), 'r+'),
    );
    const ends = begun.map((descriptor) => fstatSync(descriptor).size);
    const unnamed = join(path, 'result.json.0123.incomplete');
    writeFileSync(unnamed, 'old');
    await before.release();

    const run = await RunFolder.open(path);
    begun.forEach((descriptor, i) => writeSync(descriptor, 'late '.repeat(100), ends[i], 'utf8'));
    expect(() => renameSync(unnamed, join(path, 'result.json'))).toThrow('ENOENT');
    await run.appendDecision(decisionOf(3, 'mha.0'));
    begun.forEach((descriptor, i) => writeSync(descriptor, 'later '.repeat(10), ends[i], 'utf8'));
    await finishRun(run, {});
    await run.release();
    begun.forEach((descriptor) => closeSync(descriptor));

    const { decisions, finished } = await readRun(path);
    expect([decisions.length, finished]).toEqual([3, true]);
    expect(lines(path, 'iterations.jsonl')).toHaveLength(3);
    expect((await readRunContents(path)).cells).toHaveLength(
      cellsOf([]).length + cellsOf([2]).length + cellsOf([1, 2]).length,
    );
    expect(readdirSync(path).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
  });

  it('ends its waiting for an owner when it is told to', async () => {
    const path = runPath();
    await (await RunFolder.create(path, NEW_RUN)).release();
    writeFileSync(join(path, 'owner.json'), '');
    const end = new AbortController();
    const opening = RunFolder.open(path, {
      pollMs: 10,
      signal: end.signal,
      onWait: () => end.abort(new Error('interrupted')),
    });
    await expect(opening).rejects.toThrow('interrupted');
    expect(readFileSync(join(path, 'owner.json'), 'utf8')).toBe('');
  });

  it('tells of each sync how long the disk took', async () => {
    const seconds: number[] = [];
    const run = await RunFolder.create(runPath(), NEW_RUN, { onSynced: (each) => seconds.push(each) });
    run.appendCells(cellsOf([]), NUMERIC_CLASS);
    expect(seconds).toEqual([]);
    await run.appendDense(DENSE);
    expect(seconds).toHaveLength(3); // the cells, those that came meanwhile, the journal
    expect(seconds.every((each) => each >= 0 && Number.isFinite(each))).toBe(true);
    await run.release();
    expect(seconds).toHaveLength(5);
  });

  it('says of a folder without a journal that it is not a run', async () => {
    const path = runPath();
    await expect(RunFolder.open(path)).rejects.toMatchObject({ code: 'not-a-run' });
    await expect(readRun(path)).rejects.toMatchObject({ code: 'not-a-run' });
    writeFileSync(path, 'a file');
    await expect(RunFolder.open(path)).rejects.toMatchObject({ code: 'not-a-run' });
    await expect(readRun(path)).rejects.toMatchObject({ code: 'not-a-run' });
    await expect(RunFolder.create(path, NEW_RUN)).rejects.toMatchObject({ code: 'io', message: /EEXIST/ });
  });

  it('gives back the value that replaced one which was found to be wrong, and refuses any other second one', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    const [first, second] = cellsOf([]);
    const right = { ...first, windowSums: first.windowSums.map((sum) => sum + 1) };
    run.appendCells([first, second], NUMERIC_CLASS);
    run.appendCells([right], NUMERIC_CLASS, true);
    await run.release();
    const resumed = await RunFolder.open(path);
    expect(resumed.state.cells).toEqual([right, second]);
    resumed.appendCells([first], NUMERIC_CLASS);
    await resumed.release();
    await expect(RunFolder.open(path)).rejects.toMatchObject({
      code: 'corrupt',
      message: /two different values of cell/,
    });
  });

  it('says of a replaced cell that was never there', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    run.appendCells([cellsOf([])[0]], NUMERIC_CLASS, true);
    await run.release();
    await expect(RunFolder.open(path)).rejects.toMatchObject({
      code: 'corrupt',
      message: /replaces cell .*, which it does not hold/,
    });
  });

  it('refuses what no reader would take, and writes nothing of it', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await run.appendDense(DENSE);
    await run.appendDecision(decisionOf(1, 'mha.1'));
    const [cell] = cellsOf([]);
    const before = readFileSync(join(path, 'journal.jsonl'));
    expect(() => run.appendCells([cell, { ...cell, row: 2 }], NUMERIC_CLASS)).toThrow('row is 2');
    expect(() => run.appendCells([{ ...cell, candidate: 4 }], NUMERIC_CLASS)).toThrow(
      'block mha.2 does not exist',
    );
    expect(() => run.appendCells([{ ...cell, mask: [1], candidate: 1 }], NUMERIC_CLASS)).toThrow(
      'candidate is "mlp.0"',
    );
    expect(() => run.appendCells([{ ...cell, windowSums: new Float64Array(3) }], NUMERIC_CLASS)).toThrow(
      'window sums of row 0 is 3',
    );
    expect(() => run.appendEvent({ kind: 'decision' })).toThrow('kind is "decision"');
    await expect(run.appendDense(DENSE)).rejects.toThrow('scored twice');
    await expect(run.appendDecision(decisionOf(3, 'mha.0'))).rejects.toThrow('iteration 3 where 2 is next');
    await expect(run.appendDecision(decisionOf(2, 'mha.1'))).rejects.toThrow('removes mha.1 again');
    await expect(run.appendDecision(decisionOf(2, 'mha.9'))).rejects.toThrow('block mha.9 does not exist');
    expect(readFileSync(join(path, 'journal.jsonl'))).toEqual(before);
    expect(readFileSync(join(path, 'cells.bin'))).toHaveLength(0);
    await run.release();
  });

  it('refuses rows that are not those of the config and leaves no folder behind', async () => {
    const path = runPath();
    await expect(RunFolder.create(path, { ...NEW_RUN, calibrationRows: [] })).rejects.toThrow(
      /config\.rowTokens/,
    );
    await expect(RunFolder.open(path)).rejects.toMatchObject({ code: 'not-a-run' });
  });

  it('names the field that differs from what the run was created with', async () => {
    const run = await RunFolder.create(runPath(), NEW_RUN);
    run.requireConfig({ ...CONFIG, stop: { count: 2, kind: 'remove' } });
    expect(() => run.requireConfig({ ...CONFIG, calibrationHash: 'sha256:other' })).toThrow(
      /calibrationHash is "sha256:other" now, the run was created with "sha256:rows"/,
    );
    run.requireConfig(CONFIG);
    expect(() => run.requireConfig({ ...CONFIG, confirm: 'fp32' })).toThrow(
      /confirm is "fp32" now, the run was created with "none"/,
    );
    await run.release();
  });

  it('names an option that is not given any more', async () => {
    const run = await RunFolder.create(runPath(), { ...NEW_RUN, config: { ...CONFIG, keep: 'mha.0' } });
    expect(() => run.requireConfig(CONFIG)).toThrow(/keep is "none" now, the run was created with "mha\.0"/);
    await run.release();
  });

  it('keeps the decisions in the order in which they were handed in', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    const removed = ['mha.1', 'mlp.0', 'mha.0'];
    await Promise.all(removed.map((block, i) => run.appendDecision(decisionOf(i + 1, block))));
    await run.release();
    expect((await readRun(path)).decisions.map((decision) => decision.removed)).toEqual(removed);
  });
});

describe('readRun', () => {
  it('sees a run that is going on, without taking or changing it', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN);
    await fillRun(run);
    const before = readFileSync(join(path, 'journal.jsonl'));
    expect(await readRun(path)).toMatchObject({
      config: CONFIG,
      createdAt: NEW_RUN.createdAt,
      cellCount: 10 + 8 + 6,
      dense: DENSE,
      finished: false,
      decisions: [{ removed: 'mha.1' }, { removed: 'mlp.0' }],
      owner: { pid: process.pid },
    });
    expect(readFileSync(join(path, 'journal.jsonl'))).toEqual(before);
    await run.release();
    expect((await readRun(path)).owner).toBeUndefined();
  });
});
