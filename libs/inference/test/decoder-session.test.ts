import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMask, makeMask, parseMask, type Mask } from '@blockpruner/blocks';
import { openCheckpoint, repackCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { buildDecoderGraph } from '@blockpruner/graph';
import { temporaryFolder, TINY_MODELS, tinyReferenceRows, writeTinyModel } from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DecoderSession, ModelRunner } from '../src/index.ts';
import { generate } from '../src/generate.ts';
import { rowNats } from '../src/token-nats.ts';

/** The order of sums differs between the two graphs. */
const TOLERANCE_NATS = 5e-6;
const TOLERANCE_LOGIT = 5e-5;
const CPU = { device: 'cpu', threads: 1 };
const GREEDY = { temperature: 0, topK: null, topP: 1, seed: 0 };

const MASKS: readonly Mask[] = [
  ...Array.from({ length: 8 }, (_, block) => [block]),
  [],
  parseMask('mha.0+mha.1'),
  parseMask('mha.0+mlp.0'),
  parseMask('mlp.3+mha.1+mlp.0'),
  makeMask([0, 2, 4, 6]),
  makeMask([1, 3, 5, 7]),
];

describe.each(Object.keys(TINY_MODELS) as TinyModelName[])('%s', (name) => {
  const rows = tinyReferenceRows(name);
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  });
  afterAll(() => folder.remove());

  const decoder = (mask: Mask, logits: 'every' | 'last' = 'every'): Promise<DecoderSession> =>
    DecoderSession.ofCheckpoint(repackCheckpoint(checkpoint, mask), { ...CPU, dtype: 'fp32', logits });

  it('scores every row as the engine of the search does, whatever is removed', async () => {
    for (const mask of MASKS) {
      const runner = await ModelRunner.open(
        { modelPath: folder.path, mask, cacheFolder: folder.path, dtype: 'fp32', ...CPU },
        'fp32',
      );
      const { rowNats: expected } = await runner.score({ rows, with: 'engine' });
      await runner.close();
      const session = await decoder(mask);
      for (const [i, row] of rows.entries()) {
        const difference = Math.abs((await rowNats(session, row)) - expected[i]);
        expect(difference, `${formatMask(mask)}, row ${i}`).toBeLessThan(TOLERANCE_NATS);
      }
      await session.close();
    }
  });

  it('goes on from a cache as if all had come at once', async () => {
    const session = await decoder([0, 3]);
    const lastOnly = await decoder([0, 3], 'last');
    const row = rows[0];
    const whole = await session.advance(session.startCache(row.length), row);
    const last = whole.subarray(-session.vocabSize);
    const close = (logits: Float32Array): void => {
      const largest = logits.reduce((most, logit, i) => Math.max(most, Math.abs(logit - last[i])), 0);
      expect(largest).toBeLessThan(TOLERANCE_LOGIT);
    };
    for (const chunkTokens of [1, 7, 16, row.length]) {
      // Room that is never used changes nothing.
      close(await session.prefill(session.startCache(row.length + chunkTokens), row, chunkTokens));
      close(await lastOnly.prefill(lastOnly.startCache(row.length), row, chunkTokens));
    }
    await session.close();
    await lastOnly.close();
  });

  it('chooses the same tokens with a cache as without', async () => {
    const session = await decoder([0, 3]);
    const prompt = rows[2];
    const chosen: number[] = [];
    const request = { tokenIds: prompt, maxNewTokens: 12, sampling: GREEDY, stopIds: [] };
    const { newTokens, end } = await generate(session, request, (id) => chosen.push(id));
    expect({ newTokens, end }).toEqual({ newTokens: 12, end: 'max-tokens' });
    const text = [...prompt];
    for (const id of chosen) {
      const logits = await session.advance(session.startCache(text.length), Int32Array.from(text));
      const last = logits.subarray(-session.vocabSize);
      expect(last.indexOf(Math.max(...last))).toBe(id);
      text.push(id);
    }
    await session.close();
  });
});

describe('generating', () => {
  let folder: TemporaryFolder;
  let session: DecoderSession;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS['llama-mha-tied']);
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    session = await DecoderSession.ofCheckpoint(checkpoint, { ...CPU, dtype: 'fp32', logits: 'last' });
  });
  afterAll(async () => {
    await session.close();
    folder.remove();
  });

  const run = async (given: Partial<Parameters<typeof generate>[1]>) => {
    const ids: number[] = [];
    const request = { tokenIds: Int32Array.of(5, 6, 7), maxNewTokens: 20, sampling: GREEDY, stopIds: [] };
    const result = await generate(session, { ...request, ...given }, (id) => ids.push(id));
    return { ...result, ids };
  };

  it('ends at a stop token, which it keeps to itself', async () => {
    const { ids } = await run({});
    const stop = ids[8];
    const first = ids.indexOf(stop);
    const stopped = await run({ stopIds: [stop] });
    expect(stopped).toMatchObject({ ids: ids.slice(0, first), newTokens: first, end: 'stop-token' });
  });

  it('draws the same tokens for the same seed', async () => {
    const sampling = { temperature: 1, topK: 50, topP: 0.9, seed: 7 };
    const { ids } = await run({ sampling });
    expect((await run({ sampling })).ids).toEqual(ids);
    expect((await run({ sampling: { ...sampling, seed: 8 } })).ids).not.toEqual(ids);
  });

  it('ends where the context does', async () => {
    const tokenIds = tinyReferenceRows('llama-mha-tied')[0];
    const long = Int32Array.from({ length: 505 }, (_, i) => tokenIds[i % tokenIds.length]);
    expect(await run({ tokenIds: long })).toMatchObject({ newTokens: 7, end: 'context' });
    await expect(run({ tokenIds: new Int32Array(512) })).rejects.toThrow(
      /^the prompt has 512 tokens and the model's context holds 512: shorten it$/,
    );
  });

  it('refuses a prompt that is none', async () => {
    await expect(run({ tokenIds: new Int32Array() })).rejects.toThrow(/^the prompt has no token/);
    await expect(run({ tokenIds: Int32Array.of(1, 320) })).rejects.toThrow(/^the prompt has token 320/);
  });
});

describe('a graph of its own', () => {
  let folder: TemporaryFolder;
  const at = (name: string): string => join(folder.path, name);

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS['llama-mha-tied']);
    const model = { context_length: 512, decoder: { filename: 'model.onnx' } };
    writeFileSync(at('genai_config.json'), JSON.stringify({ model }));
  });
  afterAll(() => folder.remove());

  it.each([
    ['is not there', () => rmSync(at('model.onnx'), { force: true })],
    ['is nonsense', () => writeFileSync(at('model.onnx'), 'nonsense')],
    [
      'was cut off',
      (bytes: Uint8Array) => writeFileSync(at('model.onnx'), bytes.subarray(0, bytes.length / 2)),
    ],
    [
      'lacks its weights',
      (bytes: Uint8Array) => {
        writeFileSync(at('model.onnx'), bytes);
        rmSync(at('model.safetensors'));
      },
    ],
  ])('that %s is refused in a line that names it', async (_, damage) => {
    await writeTinyModel(folder.path, TINY_MODELS['llama-mha-tied']);
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    damage(buildDecoderGraph(checkpoint, { dtype: 'float32', logits: 'every' }).modelBytes);
    await expect(DecoderSession.ofFolder(folder.path, CPU)).rejects.toThrow(/^\S+model\.onnx: [^\n]+$/);
  });
});
