import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
import { writeTinyModel } from './tiny-model.ts';
import type { TinyModelSpec } from './tiny-model-spec.ts';
import { TINY_MODELS, type TinyModelName } from './tiny-models.ts';

const NAMES = Object.keys(TINY_MODELS) as TinyModelName[];

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(folder.path, file), 'utf8')) as Record<string, unknown>;
}

describe('writeTinyModel', () => {
  it('writes the weights that the committed reference numbers were computed with', async () => {
    await writeTinyModel(folder.path, TINY_MODELS['llama-fp16-v5-config']);
    const weights = readFileSync(path.join(folder.path, 'model.safetensors'));
    expect(createHash('sha256').update(weights).digest('hex')).toBe(
      '4b4edbdf7892b936aede04e1cc194d975e0b44b77cb73e068d6869731bd14565',
    );
  });

  it('writes other weights for another seed', async () => {
    const spec = TINY_MODELS['llama-mha-tied'];
    const [first, second] = [path.join(folder.path, 'first'), path.join(folder.path, 'second')];
    await writeTinyModel(first, spec);
    await writeTinyModel(second, { ...spec, seed: spec.seed + 1 });
    const weights = [first, second].map((model) => readFileSync(path.join(model, 'model.safetensors')));
    expect(weights[0].length).toBe(weights[1].length);
    expect(weights[0].equals(weights[1])).toBe(false);
  });

  it('writes as many shards as asked for, and an index of every tensor', async () => {
    await writeTinyModel(folder.path, TINY_MODELS['llama-bf16-sharded']);
    const shards = [1, 2, 3].map((shard) => `model-0000${shard}-of-00003.safetensors`);
    expect(readdirSync(folder.path).sort()).toEqual(
      ['config.json', ...shards, 'model.safetensors.index.json'].sort(),
    );
    const { weight_map } = readJson('model.safetensors.index.json');
    expect([...new Set(Object.values(weight_map as object))]).toEqual(shards);
    expect(Object.keys(weight_map as object)).toHaveLength(3 + 4 * 9);
  });

  it('writes the rope and the dtype in the style of the spec', async () => {
    const spec: TinyModelSpec = TINY_MODELS['llama3-rope'];
    const scaling = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    };
    await writeTinyModel(folder.path, spec);
    expect(readJson('config.json')).toMatchObject({
      torch_dtype: 'float32',
      rope_theta: 10000,
      rope_scaling: scaling,
    });
    await writeTinyModel(folder.path, { ...spec, configStyle: 'v5' });
    const config = readJson('config.json');
    expect(config).toMatchObject({ dtype: 'float32', rope_parameters: { rope_theta: 10000, ...scaling } });
    expect(config).not.toHaveProperty('rope_theta');
    expect(config).not.toHaveProperty('rope_scaling');
  });

  it.each(NAMES)('writes %s as a checkpoint that opens with the sizes of its spec', async (name) => {
    const spec: TinyModelSpec = TINY_MODELS[name];
    await writeTinyModel(folder.path, spec);
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: path.join(folder.path, 'cache') });
    expect(checkpoint).toMatchObject({
      modelType: spec.modelType,
      tiedHead: spec.tied,
      normEpsilon: spec.normEpsilon,
      slidingWindowTokens: spec.modelType === 'mistral' ? (spec.slidingWindow ?? null) : null,
      rope: { theta: spec.ropeTheta, scaling: { kind: spec.ropeScaling ? 'llama3' : 'none' } },
    });
    const { layerCount, hiddenSize, intermediateSize, headCount, kvHeadCount, headSize, vocabSize } = spec;
    const sizes = { layerCount, hiddenSize, intermediateSize, headCount, kvHeadCount, headSize, vocabSize };
    expect(checkpoint.shape).toMatchObject(sizes);
    expect(checkpoint.shape.totalParameters).toBe(parameterCount(spec));
    expect(checkpoint.embedding.dtype).toBe(spec.dtype);
  });
});

function parameterCount(spec: TinyModelSpec): number {
  const { hiddenSize, intermediateSize } = spec;
  const [queries, kv] = [spec.headCount * spec.headSize, spec.kvHeadCount * spec.headSize];
  let layer = 2 * hiddenSize + 2 * hiddenSize * (queries + kv) + 3 * hiddenSize * intermediateSize;
  if (spec.attentionBias || spec.modelType === 'qwen2') layer += queries + 2 * kv;
  if (spec.attentionBias) layer += hiddenSize;
  if (spec.mlpBias) layer += 2 * intermediateSize + hiddenSize;
  const embeddings = (spec.tied ? 1 : 2) * spec.vocabSize * hiddenSize;
  return embeddings + spec.layerCount * layer + hiddenSize;
}
