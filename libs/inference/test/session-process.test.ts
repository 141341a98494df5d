import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CPU_SHAPE_PLAN, workerMemory, type Sweep } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import type { Cell } from '@blockpruner/perplexity';
import {
  limitAddressSpace,
  processExists,
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  waitFor,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  OracleEvaluator,
  SessionProcess,
  type EvaluateRequest,
  type LoadedModel,
  type LoadRequest,
  type TaskFailure,
} from '../src/index.ts';
import { loadRequest } from './load-request.ts';

const PARENT = fileURLToPath(new URL('./session-parent.ts', import.meta.url));
const rows = tinyReferenceRows('llama-mha-tied').map((tokenIds, index) => ({ index, tokenIds }));
/** Its weights are more than what a smaller plan saves. */
const DEEP_MODEL = { ...TINY_MODELS['llama-mha-tied'], layerCount: 12, hiddenSize: 128, headSize: 32 };
const sweep: Sweep = { base: [], candidates: [0, 1, 2, 3, 4, 5, 6, 7], baseline: true };

interface Heard {
  started: string[];
  cells: Cell[];
  done: string[];
  failed: TaskFailure[];
  exits: string[];
}

const byKey = (cells: readonly Cell[]): Map<string, Float64Array> =>
  new Map(cells.map((cell) => [`${cell.candidate}/${cell.row}`, cell.windowSums]));

describe('SessionProcess', { timeout: 60_000 }, () => {
  let folder: TemporaryFolder;
  let session: SessionProcess;
  let heard: Heard;

  beforeEach(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS['llama-mha-tied']);
    session = startSession();
  });
  afterEach(() => {
    session.close();
    folder.remove();
  });

  function startSession(): SessionProcess {
    heard = { started: [], cells: [], done: [], failed: [], exits: [] };
    return new SessionProcess(
      {
        onLoading: () => undefined,
        onStarted: (taskId) => heard.started.push(taskId),
        onCells: (_taskId, cells) => heard.cells.push(...cells),
        onDone: (taskId) => heard.done.push(taskId),
        onFailed: (_taskId, failure) => heard.failed.push(failure),
        onExit: (reason) => heard.exits.push(reason),
      },
      process.env,
    );
  }
  const load = (changes: Partial<LoadRequest> = {}): Promise<LoadedModel> =>
    session.load(loadRequest(folder.path, changes));
  const evaluate = (taskId: string, changes: Partial<EvaluateRequest> = {}): void =>
    session.evaluate({ taskId, sweep, rows, plan: CPU_SHAPE_PLAN, inFp32: false, ...changes });
  const doneCount = (count: number): Promise<void> =>
    waitFor(() => heard.done.length === count, { timeoutMs: 30_000 });

  /** The cells of a sweep by the slow evaluator, fp32. */
  async function oracleCells(request: Sweep): Promise<Map<string, Float64Array>> {
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const oracle = await OracleEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
    const cells: Cell[] = [];
    await oracle.evaluate(request, rows, CPU_SHAPE_PLAN, (batch) => cells.push(...batch));
    await oracle.close();
    return byKey(cells);
  }

  it('loads a model and computes every cell of a task, in the order of the tasks', async () => {
    const { fingerprint } = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    expect(await load()).toMatchObject({ fingerprint, shapePlan: CPU_SHAPE_PLAN, threads: 1 });
    evaluate('a', { rows: rows.slice(0, 1) });
    evaluate('b', { rows: rows.slice(1) });
    await doneCount(2);
    expect(heard.started).toEqual(['a', 'b']);
    expect(heard.done).toEqual(['a', 'b']);
    expect(heard.cells).toHaveLength(9 * rows.length);
    expect(heard.cells.every((cell) => cell.windowSums.every(Number.isFinite))).toBe(true);
  });

  it('chooses a plan and threads within its limits, and measures the device, where none are given', async () => {
    const { shapePlan, threads, peakFlopsPerSecond } = await load({ shapePlan: null, threads: null });
    expect(threads).toBeGreaterThanOrEqual(1);
    expect(threads).toBeLessThanOrEqual(2);
    expect(peakFlopsPerSecond).toBeGreaterThan(1e8);
    evaluate('measured', { plan: shapePlan });
    await doneCount(1);
    expect(byKey(heard.cells)).toEqual(await oracleCells(sweep));
  });

  it('keeps a number of rows that is fixed', async () => {
    expect((await load({ shapePlan: null, microBatchRows: 3 })).shapePlan.microBatchRows).toBe(3);
  });

  it('computes whole layers to the bits of the oracle', async () => {
    await load();
    const layers: Sweep = { base: [3], candidates: [0, 4, 6], unit: 'layer', baseline: true };
    evaluate('layers', { sweep: layers });
    await doneCount(1);
    expect(byKey(heard.cells)).toEqual(await oracleCells(layers));
  });

  it('computes a task in fp32 that asks for it, and the next as its class does', async () => {
    await load({ dtype: 'fp16' });
    evaluate('in fp16');
    evaluate('in fp32', { inFp32: true });
    evaluate('in fp16 again');
    await doneCount(3);
    const size = 9 * rows.length;
    const [first, second, third] = [0, 1, 2].map((i) => byKey(heard.cells.slice(i * size, (i + 1) * size)));
    expect(second).toEqual(await oracleCells(sweep));
    expect(first).not.toEqual(second);
    expect(third).toEqual(first);
  });

  it('shares its weights, and computes in stages, to the same bits', async () => {
    await load({ sharedWeights: true, stages: 2 });
    evaluate('staged');
    await doneCount(1);
    expect(readdirSync(folder.path).some((name) => name.startsWith('packed-'))).toBe(true);
    expect(byKey(heard.cells)).toEqual(await oracleCells(sweep));
  });

  it('cuts the model by itself where it does not fit', async () => {
    await writeTinyModel(folder.path, DEEP_MODEL);
    const { shape } = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const { totalBytes } = workerMemory(shape, CPU_SHAPE_PLAN, 200, { bytesPerWeight: 4 }, 3);
    const memory = { memoryLimitBytes: totalBytes, deviceMemoryBytes: totalBytes };
    await expect(load({ ...memory, shapePlan: null })).rejects.toThrow(/--stages auto/);
    session.close();
    session = startSession();
    await load({ ...memory, shapePlan: null, stages: 'auto' });
    evaluate('cut');
    await doneCount(1);
    expect(byKey(heard.cells)).toEqual(await oracleCells(sweep));
  });

  it('says in one line why a model cannot be loaded', async () => {
    await expect(load({ modelPath: `${folder.path}/nowhere` })).rejects.toThrow(/nowhere/);
  });

  it('says why a task fails, and goes on', async () => {
    await load();
    evaluate('bad', { sweep: { ...sweep, candidates: [99] } });
    evaluate('good', { rows: rows.slice(0, 1) });
    await doneCount(1);
    expect(heard.failed).toEqual([
      { reason: "block index 99 is outside the model's 8 blocks", cause: 'request' },
    ]);
    expect(heard.done).toEqual(['good']);
  });

  it('names the block that computes no number', async () => {
    const { layers } = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const { file, lengthBytes, offsetBytes } = layers[1].mlp!.down.weight;
    const descriptor = openSync(file, 'r+');
    const huge = new Float32Array(lengthBytes / 4).fill(3e38);
    writeSync(descriptor, new Uint8Array(huge.buffer), 0, lengthBytes, offsetBytes);
    closeSync(descriptor);
    await load();
    evaluate('overflowing');
    await waitFor(() => heard.failed.length === 1, { timeoutMs: 30_000 });
    expect(heard.failed[0]).toMatchObject({
      cause: 'non-finite',
      reason: expect.stringMatching(/^mlp\.1 of the model \(mask dense\)/) as string,
    });
  });

  it('ends a cancelled task between two runs and reports nothing of it', async () => {
    await load();
    const many = Array.from({ length: 400 }, (_, index) => ({ index, tokenIds: rows[4].tokenIds }));
    evaluate('long', { rows: many });
    await waitFor(() => heard.cells.length > 0, { timeoutMs: 30_000 });
    session.cancel('long');
    evaluate('next', { rows: rows.slice(0, 1) });
    await doneCount(1);
    expect(heard.done).toEqual(['next']);
    expect(heard.cells.length).toBeLessThan(400 * 9);
  });

  it('reports a child that was killed, whose cells before are of finished runs', async () => {
    await load();
    const many = Array.from({ length: 400 }, (_, index) => ({ index, tokenIds: rows[4].tokenIds }));
    evaluate('cut off', { rows: many });
    await waitFor(() => heard.cells.length > 0, { timeoutMs: 30_000 });
    process.kill(session.pid ?? 0, 'SIGKILL');
    await waitFor(() => heard.exits.length === 1, { timeoutMs: 10_000 });
    expect(heard.exits).toEqual(['the compute process was killed by SIGKILL']);
    expect(heard.done).toEqual([]);
    const expected = await oracleCells(sweep);
    for (const { candidate, windowSums } of heard.cells)
      expect(windowSums).toEqual(expected.get(`${candidate}/4`));
  });

  it('says what did not fit when memory runs out', async () => {
    await writeTinyModel(folder.path, { ...TINY_MODELS['llama-mha-tied'], vocabSize: 32_000 });
    await load();
    const tokenIds = Int32Array.from({ length: 2000 }, (_, i) => i);
    const one = { sweep: { base: [], candidates: [], baseline: true }, rows: [{ index: 0, tokenIds }] };
    evaluate('small', { ...one, plan: { ...CPU_SHAPE_PLAN, headChunkTokens: 16 } });
    await doneCount(1);
    limitAddressSpace(session.pid ?? 0, 100 * 2 ** 20);
    evaluate('large', { ...one, plan: { ...CPU_SHAPE_PLAN, headChunkTokens: 2000 } });
    await waitFor(() => heard.failed.length === 1, { timeoutMs: 30_000 });
    expect(heard.failed[0].cause).toBe('out-of-memory');
    expect(heard.failed[0].reason).toMatch(
      /^out of memory: .*head\/.*Failed to allocate memory for requested buffer of size 2558\d{5}$/,
    );
  });
});

it(
  'leaves no compute process behind when its parent is killed in the middle of a run',
  { timeout: 60_000 },
  async () => {
    const folder = temporaryFolder();
    await writeTinyModel(folder.path, {
      ...TINY_MODELS['llama-mha-tied'],
      layerCount: 12,
      hiddenSize: 256,
      headSize: 64,
    });
    const parent = spawn(process.execPath, [PARENT, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const childPid = await new Promise<number>((resolve) => {
      createInterface({ input: parent.stdout }).on('line', (line) => resolve(Number(line)));
    });
    expect(processExists(childPid)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor(() => !processExists(childPid), { timeoutMs: 5000 });
    folder.remove();
  },
);
