import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeFloats, writeSafetensors } from '@blockpruner/checkpoint';
import { randomTensor } from './random-weights.ts';
import { tinyConfig } from './tiny-config.ts';
import type { TinyModelSpec } from './tiny-model-spec.ts';

interface TinyTensor {
  readonly name: string;
  readonly shape: number[];
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Writes a random model as a Hugging Face folder: `config.json` and `model.safetensors`, or shards and their
 * index. Equal specs give equal files, byte for byte.
 */
export async function writeTinyModel(folder: string, spec: TinyModelSpec): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeJson(path.join(folder, 'config.json'), tinyConfig(spec));
  const tensors = tinyTensors(spec);
  const perShard = Math.ceil(tensors.length / spec.shards);
  const weightMap: Record<string, string> = {};
  let totalBytes = 0;
  for (let shard = 0; shard < spec.shards; shard++) {
    const file = shardFile(shard, spec.shards);
    const part = tensors.slice(shard * perShard, (shard + 1) * perShard).map((tensor) => ({
      name: tensor.name,
      dtype: spec.dtype,
      shape: tensor.shape,
      data: encodeFloats(spec.dtype, tensorValues(tensor, spec.seed)),
    }));
    await writeSafetensors(path.join(folder, file), part);
    for (const { name, data } of part) {
      weightMap[name] = file;
      totalBytes += data.byteLength;
    }
  }
  if (spec.shards > 1) {
    const index = { metadata: { total_size: totalBytes }, weight_map: weightMap };
    await writeJson(path.join(folder, 'model.safetensors.index.json'), index);
  }
}

function shardFile(shard: number, shards: number): string {
  if (shards === 1) return 'model.safetensors';
  const five = (count: number): string => String(count).padStart(5, '0');
  return `model-${five(shard + 1)}-of-${five(shards)}.safetensors`;
}

function writeJson(file: string, value: unknown): Promise<void> {
  return writeFile(file, JSON.stringify(value, null, 2) + '\n');
}

function tensorValues(tensor: TinyTensor, seed: number): Float32Array {
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  return randomTensor(`${seed}/${tensor.name}`, count, tensor.mean, tensor.deviation);
}

function tinyTensors(spec: TinyModelSpec): TinyTensor[] {
  const { hiddenSize, intermediateSize, vocabSize } = spec;
  const queryWidth = spec.headCount * spec.headSize;
  const kvWidth = spec.kvHeadCount * spec.headSize;
  const inputBias = spec.attentionBias || spec.modelType === 'qwen2';
  const tensors = [embedding('model.embed_tokens.weight', vocabSize, hiddenSize)];
  for (let layer = 0; layer < spec.layerCount; layer++) {
    const prefix = `model.layers.${layer}`;
    tensors.push(
      norm(`${prefix}.input_layernorm.weight`, hiddenSize),
      ...linear(`${prefix}.self_attn.q_proj`, queryWidth, hiddenSize, inputBias),
      ...linear(`${prefix}.self_attn.k_proj`, kvWidth, hiddenSize, inputBias),
      ...linear(`${prefix}.self_attn.v_proj`, kvWidth, hiddenSize, inputBias),
      ...linear(`${prefix}.self_attn.o_proj`, hiddenSize, queryWidth, spec.attentionBias),
      norm(`${prefix}.post_attention_layernorm.weight`, hiddenSize),
      ...linear(`${prefix}.mlp.gate_proj`, intermediateSize, hiddenSize, spec.mlpBias),
      ...linear(`${prefix}.mlp.up_proj`, intermediateSize, hiddenSize, spec.mlpBias),
      ...linear(`${prefix}.mlp.down_proj`, hiddenSize, intermediateSize, spec.mlpBias),
    );
  }
  tensors.push(norm('model.norm.weight', hiddenSize));
  if (!spec.tied) tensors.push(embedding('lm_head.weight', vocabSize, hiddenSize));
  return tensors;
}

/** Of deviation `2/√hidden`, so that logits spread by about 2 and a removed block shows in the loss. */
function embedding(name: string, vocabSize: number, hiddenSize: number): TinyTensor {
  return { name, shape: [vocabSize, hiddenSize], mean: 0, deviation: 2 / Math.sqrt(hiddenSize) };
}

function norm(name: string, size: number): TinyTensor {
  return { name, shape: [size], mean: 1, deviation: 0.1 };
}

function linear(name: string, outputs: number, inputs: number, biased: boolean): TinyTensor[] {
  const weight = {
    name: `${name}.weight`,
    shape: [outputs, inputs],
    mean: 0,
    deviation: 1.5 / Math.sqrt(inputs),
  };
  return biased ? [weight, { name: `${name}.bias`, shape: [outputs], mean: 0, deviation: 0.3 }] : [weight];
}
