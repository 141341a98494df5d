import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMask } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import {
  planHuggingFace,
  planOnnx,
  planOnnxInt4,
  prunedModel,
  type ExportPlan,
  type HuggingFaceOptions,
} from '@blockpruner/export';
import { temporaryFolder, TINY_MODELS, tinyReferenceRows, writeTinyModel } from '@blockpruner/testkit';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelProcess } from '../src/model-process.ts';

const MODEL = 'llama-gqa-untied';

describe('a folder with a graph of its own', { timeout: 60_000 }, () => {
  const rows = tinyReferenceRows(MODEL);
  let folder: TemporaryFolder;
  const models: ModelProcess[] = [];
  beforeEach(async () => {
    folder = temporaryFolder();
    await writeTinyModel(join(folder.path, 'source'), TINY_MODELS[MODEL]);
  });
  afterEach(() => {
    for (const model of models.splice(0)) model.close();
    folder.remove();
  });

  const open = (name: string) => openCheckpoint(join(folder.path, name), { cacheFolder: folder.path });

  async function write({ files }: ExportPlan): Promise<void> {
    for (const file of files) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of file.read(0)) chunks.push(chunk);
      expect(Buffer.concat(chunks)).toHaveLength(file.sizeBytes);
      writeFileSync(join(folder.path, 'source', file.name), Buffer.concat(chunks));
    }
  }

  /** Writes the pruned model over its source, with the graph beside it. */
  async function exported(mask: string, dtype: HuggingFaceOptions['dtype']): Promise<void> {
    const model = prunedModel(await open('source'), parseMask(mask));
    const plan = await planHuggingFace(model, { dtype, compat: false, card: '' });
    await write(plan);
    await write(await planOnnx(await open('source'), { dtype }));
  }

  async function score(mask: string, by: 'engine' | 'graph'): Promise<readonly number[]> {
    const model = new ModelProcess();
    models.push(model);
    await model.ask('load', {
      modelPath: join(folder.path, 'source'),
      mask: parseMask(mask),
      cacheFolder: folder.path,
      device: 'cpu',
      dtype: 'fp32',
      threads: 1,
    });
    return (await model.ask('score', { rows, with: by })).rowNats;
  }

  it.each([
    ['float32', 'mha.0+mlp.2', 1e-5],
    ['float32', 'mha.1+mlp.1', 1e-5],
    ['float16', 'mlp.3+mha.2', 5e-3],
    ['bfloat16', 'mha.3', 2e-2],
  ] as const)(
    'scores in %s without %s as the source with these blocks left out',
    async (dtype, mask, limit) => {
      const expected = await score(mask, 'engine');
      await exported(mask, dtype);
      const found = await score('dense', 'graph');
      for (const [i, nats] of found.entries()) expect(Math.abs(nats - expected[i])).toBeLessThan(limit);
    },
  );

  it('runs in 4 bits by the graph alone, near the source with the blocks left out', async () => {
    const expected = await score('mha.0+mlp.2', 'engine');
    await write(await planOnnxInt4(prunedModel(await open('source'), parseMask('mha.0+mlp.2'))));
    rmSync(join(folder.path, 'source/model.safetensors'));
    const found = await score('dense', 'graph');
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
    expect(Math.abs(mean(found) - mean(expected))).toBeLessThan(0.1);
    await expect(score('mha.0', 'graph')).rejects.toThrow(
      /holds a graph of its own, from which mha\.0 cannot/,
    );
    await expect(score('dense', 'engine')).rejects.toThrow(/holds a graph and no weights/);
  });

  it('stores the weights once, and is the same each time', async () => {
    await exported('mha.0+mlp.2', 'float32');
    const graph = (): Buffer => readFileSync(join(folder.path, 'source/model.onnx'));
    const hash = (): string => createHash('sha256').update(graph()).digest('hex');
    const first = hash();
    expect(graph().length).toBeLessThan(64 * 1024);
    await write(await planOnnx(await open('source'), { dtype: 'float32' }));
    expect(hash()).toBe(first);
  });

  it('tells onnxruntime-genai what it needs to know', async () => {
    await exported('mha.0+mha.1', 'float32');
    const config = JSON.parse(readFileSync(join(folder.path, 'source/genai_config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(config.model).toMatchObject({
      type: 'llama',
      bos_token_id: 1,
      eos_token_id: 2,
      vocab_size: 320,
      context_length: 512,
      decoder: { filename: 'model.onnx', head_size: 32, num_hidden_layers: 2, num_key_value_heads: 2 },
    });
  });

  it('cannot be planned where no token ends a text', async () => {
    const path = join(folder.path, 'source/config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...config, eos_token_id: null }));
    await expect(planOnnx(await open('source'), { dtype: 'source' })).rejects.toThrow(
      /no eos_token_id in config\.json/,
    );
  });
});
