import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseMask } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import type { LoadRequest } from '@blockpruner/generation';
import {
  processExists,
  temporaryFolder,
  TINY_MODELS,
  tinyModelReference,
  tinyReferenceRows,
  waitFor,
  writeTinyModel,
} from '@blockpruner/testkit';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ModelProcess } from '../src/model-process.ts';

const PARENT = fileURLToPath(new URL('./model-parent.ts', import.meta.url));
const MODEL = 'llama-gqa-untied';
const GREEDY = { temperature: 0, topK: null, topP: 1, seed: 0 };

describe('the process that holds a model', { timeout: 60_000 }, () => {
  const rows = tinyReferenceRows(MODEL);
  let folder: TemporaryFolder;
  let model: ModelProcess;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[MODEL]);
  });
  afterAll(() => folder.remove());
  beforeEach(() => {
    model = new ModelProcess();
  });
  afterEach(() => model.close());

  const request = (given: Partial<LoadRequest> = {}): LoadRequest => ({
    modelPath: folder.path,
    mask: [],
    cacheFolder: folder.path,
    device: 'cpu',
    dtype: 'auto',
    threads: 1,
    ...given,
  });

  it('scores with the blocks of a mask left out, as transformers does', async () => {
    const [[text, expected]] = Object.entries(tinyModelReference().models[MODEL].masks);
    expect(await model.ask('load', request({ mask: parseMask(text) }))).toMatchObject({
      form: 'checkpoint',
    });
    const { rowNats } = await model.ask('score', { rows, with: 'engine' });
    for (const [i, nats] of rowNats.entries()) expect(Math.abs(nats - expected[i])).toBeLessThan(5e-6);
  });

  it('tells each token as it comes, and measures', async () => {
    await model.ask('load', request());
    const tokens: number[] = [];
    const generation = await model.ask(
      'generate',
      { tokenIds: rows[3], maxNewTokens: 6, sampling: GREEDY, stopIds: [] },
      (id) => tokens.push(id),
    );
    expect(generation).toMatchObject({ promptTokens: 17, newTokens: 6, end: 'max-tokens' });
    expect(tokens).toHaveLength(6);
    const { shape } = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const measured = await model.ask('measure', { promptTokens: 20, newTokens: 5 });
    expect(measured.cacheBytesPerToken).toBe(4 * 2 * 2 * 32 * 4);
    expect(measured.weightBytes).toBe(4 * shape.totalParameters);
  });

  it('measures factors in the place of removed blocks, and scores other rows with them', async () => {
    const mask = parseMask('mha.1+mlp.3');
    await model.ask('load', request({ mask }));
    const [order, told] = [mask.toReversed(), [] as number[]];
    const asked = { order, rows: rows.slice(0, 2), scoredRows: rows.slice(2) };
    const { healing, scores } = await model.ask('heal', asked, ({ block }) => told.push(block));
    expect(told).toEqual(order);
    expect([...healing.keys()]).toEqual(order);
    const { rowNats } = await model.ask('score', { rows: asked.scoredRows, with: 'engine' });
    expect(scores?.without).toBeCloseTo(rowNats.reduce((sum, nats) => sum + nats, 0) / rowNats.length, 6);
    expect(scores?.healed).not.toBe(scores?.without);
    const unscored = await model.ask('heal', { ...asked, scoredRows: [] });
    expect(unscored).toEqual({ healing, scores: null });
    await expect(model.ask('heal', { ...asked, order: [0] })).rejects.toThrow(
      'the order is of mha.0, the model was loaded without mha.1+mlp.3',
    );
  });

  it('says in one line what it cannot do, and goes on', async () => {
    await expect(model.ask('measure', { promptTokens: 2, newTokens: 1 })).rejects.toThrow(
      'no model is loaded',
    );
    await expect(model.ask('load', request({ mask: [99] }))).rejects.toThrow(/^block mlp\.49 does not exist/);
    await expect(model.ask('load', request({ modelPath: '/nowhere' }))).rejects.toThrow(
      /^\/nowhere does not exist/,
    );
    await model.ask('load', request());
    await expect(model.ask('score', { rows, with: 'graph' })).rejects.toThrow(
      /genai_config\.json: does not exist/,
    );
    expect((await model.ask('score', { rows: rows.slice(3, 4), with: 'engine' })).rowNats).toHaveLength(1);
  });

  it('fails what is asked of it once it has died', async () => {
    await model.ask('load', request());
    const dying = model.ask('measure', { promptTokens: 400, newTokens: 100 });
    process.kill(model.pid!, 'SIGKILL');
    await expect(dying).rejects.toThrow(/^the process that holds the model ended \(SIGKILL\)/);
    await expect(model.ask('load', request())).rejects.toThrow(/ended \(SIGKILL\)/);
  });

  it('ends with its parent, even one that is killed in the middle of a run', async () => {
    const parent = spawn(process.execPath, [PARENT, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = await new Promise<number>((resolve) => {
      createInterface({ input: parent.stdout }).on('line', (line) => resolve(Number(line)));
    });
    expect(processExists(pid)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor(() => !processExists(pid), { timeoutMs: 5000 });
  });
});
