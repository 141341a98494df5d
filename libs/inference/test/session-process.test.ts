import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import type { Cell } from '@blockpruner/perplexity';
import {
  processExists,
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  waitFor,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionProcess } from '../src/index.ts';

const PARENT = fileURLToPath(new URL('./session-parent.ts', import.meta.url));
const rows = tinyReferenceRows('llama-mha-tied').map((tokenIds, index) => ({ index, tokenIds }));
const sweep = { base: [], candidates: [0, 1, 2, 3, 4, 5, 6, 7], baseline: true };

interface Heard {
  cells: Cell[];
  done: string[];
  failed: string[];
  exits: string[];
}

describe('SessionProcess', () => {
  let folder: TemporaryFolder;
  let session: SessionProcess;
  let heard: Heard;

  beforeEach(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS['llama-mha-tied']);
    heard = { cells: [], done: [], failed: [], exits: [] };
    session = new SessionProcess({
      onLoading: () => undefined,
      onCells: (_taskId, cells) => heard.cells.push(...cells),
      onDone: (taskId) => heard.done.push(taskId),
      onFailed: (_taskId, reason) => heard.failed.push(reason),
      onExit: (reason) => heard.exits.push(reason),
    });
  });
  afterEach(() => {
    session.close();
    folder.remove();
  });

  const load = (modelPath = folder.path): Promise<string> =>
    session.load({ modelPath, cacheFolder: folder.path, device: 'cpu', threads: 1 });

  it('loads a model and computes every cell of a task, in the order of the tasks', async () => {
    const { fingerprint } = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    expect(await load()).toBe(fingerprint);
    session.evaluate({ taskId: 'a', sweep, rows: rows.slice(0, 1), plan: CPU_SHAPE_PLAN });
    session.evaluate({ taskId: 'b', sweep, rows: rows.slice(1), plan: CPU_SHAPE_PLAN });
    await waitFor(() => heard.done.length === 2, { timeoutMs: 30_000 });
    expect(heard.done).toEqual(['a', 'b']);
    expect(heard.cells).toHaveLength(9 * rows.length);
    expect(heard.cells.every((cell) => cell.windowSums.every(Number.isFinite))).toBe(true);
  });

  it('says in one line why a model cannot be loaded', async () => {
    await expect(load(`${folder.path}/nowhere`)).rejects.toThrow(/nowhere/);
  });

  it('says why a task fails, and goes on', async () => {
    await load();
    session.evaluate({ taskId: 'bad', sweep: { ...sweep, candidates: [99] }, rows, plan: CPU_SHAPE_PLAN });
    session.evaluate({ taskId: 'good', sweep, rows: rows.slice(0, 1), plan: CPU_SHAPE_PLAN });
    await waitFor(() => heard.done.length === 1, { timeoutMs: 30_000 });
    expect(heard.failed).toEqual(["block index 99 is outside the model's 8 blocks"]);
    expect(heard.done).toEqual(['good']);
  });

  it('ends a cancelled task between two runs and reports nothing of it', async () => {
    await load();
    const many = Array.from({ length: 400 }, (_, index) => ({ index, tokenIds: rows[4].tokenIds }));
    session.evaluate({ taskId: 'long', sweep, rows: many, plan: CPU_SHAPE_PLAN });
    await waitFor(() => heard.cells.length > 0, { timeoutMs: 30_000 });
    session.cancel('long');
    session.evaluate({ taskId: 'next', sweep, rows: rows.slice(0, 1), plan: CPU_SHAPE_PLAN });
    await waitFor(() => heard.done.length > 0, { timeoutMs: 30_000 });
    expect(heard.done).toEqual(['next']);
    expect(heard.cells.length).toBeLessThan(400 * 9);
  });

  it('reports a child that was killed', async () => {
    await load();
    process.kill(session.pid ?? 0, 'SIGKILL');
    await waitFor(() => heard.exits.length === 1, { timeoutMs: 10_000 });
    expect(heard.exits).toEqual(['the compute process was killed by SIGKILL']);
  });
});

it('leaves no compute process behind when its parent is killed in the middle of a run', async () => {
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
});
