import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, TINY_SHAPES, tinyTensors, writeTinyFolder } from '../test/tiny-model.ts';
import { encodeFloats } from './dtype.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { writeSafetensors } from './safetensors-writer.ts';

const root = temporaryFolder();
let count = 0;

function newFolder(): string {
  const folder = join(root, `model-${count++}`);
  mkdirSync(folder);
  return folder;
}

const open = (folder: string) => openCheckpoint(folder, { cacheFolder: join(root, 'cache') });

/** Writes the tiny model in two shards with an index. */
async function writeShards(
  folder: string,
  shardFolders: [string, string] = [folder, folder],
): Promise<string> {
  await writeTinyFolder(folder);
  rmSync(join(folder, 'model.safetensors'));
  const tensors = tinyTensors();
  const weight_map: Record<string, string> = {};
  for (const [i, part] of [tensors.slice(0, 9), tensors.slice(9)].entries()) {
    const name = `model-0000${i + 1}-of-00002.safetensors`;
    for (const tensor of part) weight_map[tensor.name] = name;
    await writeSafetensors(join(shardFolders[i], name), part);
    if (shardFolders[i] !== folder) symlinkSync(join(shardFolders[i], name), join(folder, name));
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
  return folder;
}

async function refusal(folder: string): Promise<{ code: string; message: string }> {
  return open(folder).then(
    () => ({ code: 'none', message: 'it was opened' }),
    (error: { name: string; code: string; message: string }) => {
      expect(error.name).toBe('CheckpointError');
      return error;
    },
  );
}

describe('a Hugging Face folder', () => {
  it('gives sizes, parameter counts and the place of every tensor', async () => {
    const folder = await writeTinyFolder(newFolder());
    const checkpoint = await open(folder);
    expect(checkpoint).toMatchObject({
      sourcePath: folder,
      folder,
      format: 'huggingface',
      modelType: 'llama',
    });
    const mhaParameters = 32 + 2 * 32 * 32 + 2 * 16 * 32;
    const mlpParameters = 32 + 3 * 64 * 32;
    const totalParameters = 24 * 32 + 2 * (mhaParameters + mlpParameters) + 32;
    expect(checkpoint.shape).toMatchObject({ layerCount: 2, mhaParameters, mlpParameters, totalParameters });

    const down = checkpoint.layers[1].mlp!.down.weight;
    const file = readFileSync(down.file);
    const data = tinyTensors().find(({ name }) => name === 'model.layers.1.mlp.down_proj.weight')!.data;
    expect(down).toMatchObject({
      name: 'model.layers.1.mlp.down_proj.weight',
      dtype: 'float32',
      shape: [32, 64],
    });
    expect(new Uint8Array(file.subarray(down.offsetBytes, down.offsetBytes + down.lengthBytes))).toEqual(
      data,
    );
  });

  it('a tied head is the embedding itself, even when the weights hold a head', async () => {
    const head = tinyTensors('float32', [['lm_head.weight', [24, 32]]]);
    const checkpoint = await open(await writeTinyFolder(newFolder(), {}, [...tinyTensors(), ...head]));
    expect(checkpoint.head).toBe(checkpoint.embedding);
  });

  it('an untied head is counted, and must be there', async () => {
    const untied = { tie_word_embeddings: false };
    const head = tinyTensors('float32', [['lm_head.weight', [24, 32]]]);
    const tied = await open(await writeTinyFolder(newFolder()));
    const checkpoint = await open(await writeTinyFolder(newFolder(), untied, [...tinyTensors(), ...head]));
    expect(checkpoint.head.name).toBe('lm_head.weight');
    expect(checkpoint.shape.totalParameters).toBe(tied.shape.totalParameters + 24 * 32);
    expect(await refusal(await writeTinyFolder(newFolder(), untied))).toMatchObject({
      code: 'missing-tensor',
      message: expect.stringContaining('tensor lm_head.weight is missing') as string,
    });
  });

  it('qwen2 has biases of q, k and v, counted in the block', async () => {
    const biases = [0, 1].flatMap((layer): [string, number[]][] => [
      [`model.layers.${layer}.self_attn.q_proj.bias`, [32]],
      [`model.layers.${layer}.self_attn.k_proj.bias`, [16]],
      [`model.layers.${layer}.self_attn.v_proj.bias`, [16]],
    ]);
    const tensors = tinyTensors('bfloat16', [...TINY_SHAPES, ...biases]);
    const { layers, shape } = await open(
      await writeTinyFolder(newFolder(), { model_type: 'qwen2' }, tensors),
    );
    expect(layers[1].mha!.k.bias).toMatchObject({
      name: 'model.layers.1.self_attn.k_proj.bias',
      dtype: 'bfloat16',
      shape: [16],
    });
    expect(layers[1].mha!.o.bias).toBeNull();
    expect(shape.mhaParameters).toBe(32 + 2 * 32 * 32 + 2 * 16 * 32 + 64);
    expect(await refusal(await writeTinyFolder(newFolder(), {}, tensors))).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(
        'says that there is no model.layers.0.self_attn.q_proj.bias',
      ) as string,
    });
  });

  it('a shape that config.json contradicts is refused with both shapes', async () => {
    const { code, message } = await refusal(await writeTinyFolder(newFolder(), { intermediate_size: 65 }));
    expect(code).toBe('wrong-shape');
    expect(message).toContain(
      'model.layers.0.mlp.gate_proj.weight has shape [64, 32], config.json says [65, 32]',
    );
  });

  it('a dtype that cannot be computed with is refused by name', async () => {
    const folder = await writeTinyFolder(newFolder(), {}, tinyTensors('float16'));
    const path = join(folder, 'model.safetensors');
    writeFileSync(path, readFileSync(path, 'latin1').replace('"F16"', '"I16"'), 'latin1');
    expect((await refusal(folder)).message).toMatch(
      /model\.embed_tokens\.weight has dtype I16: supported are F32, F16, BF16$/,
    );
  });

  it('truncated weights are refused', async () => {
    const folder = await writeTinyFolder(newFolder());
    truncateSync(join(folder, 'model.safetensors'), 20_000);
    expect((await refusal(folder)).code).toBe('truncated');
  });

  it('an absent folder, config or weights file is named', async () => {
    expect(await refusal(join(root, 'nowhere'))).toMatchObject({
      code: 'not-found',
      message: `${join(root, 'nowhere')} does not exist: name a Hugging Face folder or a .gguf file`,
    });
    const empty = newFolder();
    expect(await refusal(empty)).toMatchObject({
      code: 'not-found',
      message: `${join(empty, 'config.json')}: does not exist: name a Hugging Face folder or a .gguf file`,
    });
    const weightless = await writeTinyFolder(newFolder());
    rmSync(join(weightless, 'model.safetensors'));
    expect((await refusal(weightless)).message).toContain(
      'has neither model.safetensors nor model.safetensors.index.json',
    );
  });

  it.each([
    ['without a byte', ''],
    ['that is cut', '{"model_type":'],
    ['that is a list', '[]'],
    ['that is null', 'null'],
    ['with invalid UTF-8', Buffer.from('7b2261223a22ff227d', 'hex')],
    ['larger than a MiB', ' '.repeat(2 ** 20 + 1)],
  ])('a config.json %s is refused', async (_, content) => {
    const folder = await writeTinyFolder(newFolder());
    writeFileSync(join(folder, 'config.json'), content);
    expect(await refusal(folder)).toMatchObject({
      code: 'malformed',
      message: expect.stringContaining('config.json: ') as string,
    });
  });

  it('pytorch_model.bin alone is refused with the way to convert it', async () => {
    const folder = await writeTinyFolder(newFolder());
    rmSync(join(folder, 'model.safetensors'));
    writeFileSync(join(folder, 'pytorch_model-00001-of-00002.bin'), '');
    expect(await refusal(folder)).toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(
        /a pickle, which can run code: run this .*python -c "import transformers.*save_pretrained/,
      ) as string,
    });
  });

  it('a file that is no model is refused', async () => {
    const file = join(root, 'weights.bin');
    writeFileSync(file, 'x');
    expect((await refusal(file)).message).toContain('is neither a Hugging Face folder nor a .gguf file');
  });
});

describe('shards', () => {
  it('are read like one file', async () => {
    const { embedding, finalNorm, shape } = await open(await writeShards(newFolder()));
    expect([embedding, finalNorm].map(({ file }) => file.split('/').at(-1))).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
    expect(shape.layerCount).toBe(2);
  });

  it('may be links into one other folder, and are named by where they are', async () => {
    const blobs = newFolder();
    const { embedding } = await open(await writeShards(newFolder(), [blobs, blobs]));
    expect(embedding.file).toBe(join(blobs, 'model-00001-of-00002.safetensors'));
  });

  it('in two folders are refused', async () => {
    expect(await refusal(await writeShards(newFolder(), [newFolder(), newFolder()]))).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('links into different folders') as string,
    });
  });

  it('that are missing are named', async () => {
    const folder = await writeShards(newFolder());
    rmSync(join(folder, 'model-00002-of-00002.safetensors'));
    expect(await refusal(folder)).toMatchObject({
      code: 'not-found',
      message: `${join(folder, 'model-00002-of-00002.safetensors')}: does not exist: model.safetensors.index.json calls for it, fetch it: hf download ORG/MODEL model-00002-of-00002.safetensors`,
    });
  });

  it.each<[string, unknown, string]>([
    ['without a weight_map', {}, 'weight_map is missing'],
    ['with an empty weight_map', { weight_map: {} }, 'names 0 shards'],
    [
      'that leaves the folder',
      { weight_map: { w: '../other/model.safetensors' } },
      'expected a .safetensors file of this folder',
    ],
    ['that names no file', { weight_map: { w: 3 } }, 'names number for w'],
    ['with a list', { weight_map: [] }, 'weight_map is a list'],
    [
      'without the tensors',
      { weight_map: { w: 'model-00001-of-00002.safetensors' } },
      'but model.safetensors.index.json does not list it: they are of different models, fetch both again',
    ],
    [
      'that names the wrong shard',
      { weight_map: { 'model.embed_tokens.weight': 'model-00002-of-00002.safetensors' } },
      'but model.safetensors.index.json does not list it',
    ],
    [
      'of thousands of shards',
      {
        weight_map: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`w${i}`, `${i}.safetensors`])),
      },
      'names 1025 shards: expected 1 to 1024',
    ],
  ])('an index %s is refused', async (_, index, message) => {
    const folder = await writeShards(newFolder());
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
    expect((await refusal(folder)).message).toContain(message);
  });
});

describe('the fingerprint', () => {
  it('is the same for a copy elsewhere, and another for another config or other weights', async () => {
    const folder = await writeShards(newFolder());
    const { fingerprint } = await open(folder);
    expect(fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);

    const copy = newFolder();
    const names = [
      'config.json',
      'model.safetensors.index.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ];
    for (const name of names) copyFileSync(join(folder, name), join(copy, name));
    expect((await open(copy)).fingerprint).toBe(fingerprint);

    const shard = join(copy, names[3]);
    const bytes = readFileSync(shard);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(shard, bytes);
    const changedWeights = (await open(copy)).fingerprint;
    writeFileSync(join(copy, 'config.json'), `${readFileSync(join(copy, 'config.json'), 'utf8')} `);
    const changedConfig = (await open(copy)).fingerprint;
    expect(new Set([fingerprint, changedWeights, changedConfig]).size).toBe(3);
  });

  it('notices one changed weight anywhere in a small file', async () => {
    const seen = new Set<string>();
    const folder = newFolder();
    for (let i = 0; i < 5; i++) {
      const tensors = tinyTensors();
      const values = new Float32Array(32).fill(0.5);
      values[i * 7] = 0.25;
      tensors[tensors.length - 1] = { ...tensors[tensors.length - 1], data: encodeFloats('float32', values) };
      seen.add((await open(await writeTinyFolder(folder, {}, tensors))).fingerprint);
    }
    expect(seen.size).toBe(5);
  });
});
