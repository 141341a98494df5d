import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointError, openCheckpoint, writeSafetensors } from '../src/index.ts';
import { fromFileSystem } from '../src/checkpoint-error.ts';
import { rawSafetensors, type RawTensor } from './raw-safetensors.ts';
import { temporaryFolder, TINY_CONFIG, tinyTensors, writeTinyFolder } from './tiny-model.ts';
import { tinyGptq, writeQuantized } from './tiny-quantized.ts';

const root = temporaryFolder();
const cacheFolder = join(root, 'cache');
const INDEX = 'model.safetensors.index.json';
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
let count = 0;

function newFolder(): string {
  const folder = join(root, `model-${count++}`);
  mkdirSync(folder);
  return folder;
}

/** The tiny model with one file in place of another. */
async function folderWith(file: string, bytes: string | Uint8Array): Promise<string> {
  const folder = await writeTinyFolder(newFolder());
  writeFileSync(join(folder, file), bytes);
  return folder;
}

async function shardedFolder(change: (weightMap: Record<string, unknown>) => unknown = (map) => map) {
  const folder = await writeTinyFolder(newFolder());
  rmSync(join(folder, 'model.safetensors'));
  const weightMap: Record<string, unknown> = {};
  for (const [i, part] of [tinyTensors().slice(0, 9), tinyTensors().slice(9)].entries()) {
    for (const { name } of part) weightMap[name] = SHARDS[i];
    await writeSafetensors(join(folder, SHARDS[i]), part);
  }
  writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: change(weightMap) }));
  return folder;
}

async function expectRefusal(path: string, message: string, code?: string): Promise<void> {
  const failure: unknown = await openCheckpoint(path, { cacheFolder }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CheckpointError);
  const error = failure as CheckpointError;
  expect(error.message).toContain(message);
  expect(error.message).toMatch(/^\/[^\p{Cc}]{1,398}$/u);
  if (code !== undefined) expect(error.code).toBe(code);
  expect(existsSync(cacheFolder) ? readdirSync(cacheFolder) : []).toEqual([]);
}

function header(json: string, dataBytes = 0, declaredBytes = BigInt(Buffer.byteLength(json))): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(declaredBytes);
  return Buffer.concat([prefix, Buffer.from(json), Buffer.alloc(dataBytes)]);
}

const tensor = (fields: object) => JSON.stringify({ w: { dtype: 'F32', shape: [1], ...fields } });
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

describe('model.safetensors is refused', () => {
  it.each<[string, Uint8Array, string]>([
    ['of zero length', Buffer.alloc(0), 'ends at byte 0'],
    ['of a header longer than the file', header('{}', 0, 1000n), 'its header alone has 1000'],
    ['of a header of 2^63 bytes', header('{}', 0, 2n ** 63n), 'a header of 922337203685477'],
    ['that begins like a zip archive', Buffer.from('PK\x03\x04aaaaaaaaaaaa'), 'is not safetensors'],
    [
      'of overlapping tensors',
      header(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}',
        7,
      ),
      'a and b overlap at byte',
    ],
    ['of data beyond its end', header(tensor({ data_offsets: [0, 4] }), 3), 'it was cut off'],
    ['that begins after its end', header(tensor({ data_offsets: [8, 4] }), 8), 'data_offsets'],
    ['of negative offsets', header(tensor({ data_offsets: [-4, 0] }), 8), 'data_offsets'],
    ['of fractional offsets', header(tensor({ data_offsets: [0, 4.5] }), 8), 'data_offsets'],
    ['of offsets in text', header(tensor({ data_offsets: ['0', '4'] }), 8), 'data_offsets'],
    [
      'of sizes that overflow',
      header(tensor({ shape: [2 ** 40, 2 ** 40, 2 ** 40], data_offsets: [0, 4] }), 4),
      'takes',
    ],
    [
      'of sizes beyond any number',
      header(`{"w":{"dtype":"F32","shape":[1${'0'.repeat(400)}],"data_offsets":[0,4]}}`, 4),
      'tensor w has a shape',
    ],
    [
      'of a thousand dimensions',
      header(tensor({ shape: Array(1000).fill(1), data_offsets: [0, 4] }), 4),
      'tensor w has a shape',
    ],
    [
      'of a shape that is no list',
      header(tensor({ shape: { length: 1 }, data_offsets: [0, 4] }), 4),
      'tensor w has a shape',
    ],
    ['of a tensor that is null', header('{"w":null}'), 'tensor w is not an object'],
    [
      'of invalid UTF-8',
      Buffer.concat([header('', 0, 4n), Buffer.from('7b22ff7d', 'hex')]),
      'is not UTF-8 JSON',
    ],
    ['of a name of 60 MiB', header(`{"${'n'.repeat(60 * 2 ** 20)}":1}`), 'is not an object'],
    ['of a number of a million digits', header(`{"w":${'7'.repeat(1e6)}}`), 'tensor w is not an object'],
    ['of two million values', header(`{"w":[${'1,'.repeat(2e6)}1]}`), 'holds more than 1048576 values'],
    [
      'of a key twice in a tensor',
      header('{"w":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', 4),
      'key "dtype" is there twice',
    ],
    ['of a tensor twice', header('{"w":1,"\\u0077":2}'), 'key "w" is there twice'],
    ['of 100,000 levels', header(deep(100_000)), 'nests deeper than 64 levels'],
    ['of 100,000 open lists', header('['.repeat(100_000)), 'nests deeper than 64 levels'],
  ])('%s', async (_, bytes, message) => {
    await expectRefusal(await folderWith('model.safetensors', bytes), message);
  });

  it('of 8 GiB that hold nothing', async () => {
    const folder = await writeTinyFolder(newFolder());
    const handle = openSync(join(folder, 'model.safetensors'), 'w');
    ftruncateSync(handle, 8 * 2 ** 30);
    closeSync(handle);
    await expectRefusal(folder, 'header: is not UTF-8 JSON');
  });
});

describe('config.json is refused', () => {
  const withFields = (fields: object) => JSON.stringify({ ...TINY_CONFIG, ...fields });
  it.each<[string, string, string]>([
    ['of a key twice', withFields({}).replace('{', '{"hidden_size":16,'), 'key "hidden_size" is there twice'],
    [
      'of a key twice deep inside',
      withFields({ rope_scaling: 0 }).replace('"rope_scaling":0', '"rope_scaling":{"factor":1,"factor":2}'),
      'key "factor" is there twice',
    ],
    ['of 100,000 levels', deep(100_000), 'nests deeper than 64 levels'],
    [
      'of a string for a number',
      withFields({ num_hidden_layers: '2' }),
      'num_hidden_layers is "2": expected',
    ],
    ['of an object for a number', withFields({ vocab_size: { a: [] } }), 'vocab_size is an object: expected'],
    ['of a long string for a number', withFields({ vocab_size: 'v'.repeat(1e6) }), 'vocab_size is "vvv'],
    ['of a number for a name', withFields({ model_type: 7 }), 'model_type is 7: expected a string'],
    [
      'of a size beyond any number',
      withFields({}).replace('"hidden_size":32', `"hidden_size":1${'0'.repeat(400)}`),
      'hidden_size is Infinity: expected an integer',
    ],
    ['of a size too large by one', withFields({ hidden_size: 65537 }), 'hidden_size is 65537: expected'],
    ['of a negative size', withFields({ intermediate_size: -64 }), 'intermediate_size is -64: expected'],
    ['of NaN', withFields({}).replace('"vocab_size":24', '"vocab_size":NaN'), 'is not UTF-8 JSON'],
    ['of more than a MiB', `${withFields({})}${' '.repeat(2 ** 20)}`, 'the limit is 1048576'],
    [
      'of bitsandbytes',
      withFields({ quantization_config: { quant_method: 'bitsandbytes' } }),
      'supported are',
    ],
  ])('%s', async (_, text, message) => {
    await expectRefusal(await folderWith('config.json', text), message);
  });

  it('that may not be read', () => {
    const denied = Object.assign(new Error('EACCES'), { code: 'EACCES', syscall: 'open' });
    expect(fromFileSystem(denied, '/m/config.json')).toMatchObject({
      code: 'unreadable',
      message: '/m/config.json: permission denied',
    });
  });
});

describe.each(['model.safetensors', 'config.json'])('%s is refused', (name) => {
  it('that is a folder, a pipe, a loop of links, or a link that leads nowhere', async () => {
    const folder = await writeTinyFolder(newFolder());
    const file = join(folder, name);
    rmSync(file);
    mkdirSync(file);
    await expectRefusal(folder, `${file}: is a folder: expected a file`);
    rmSync(file, { recursive: true });
    execFileSync('mkfifo', [file]);
    await expectRefusal(folder, `${file}: is not a regular file`);
    rmSync(file);
    symlinkSync(name, file);
    await expectRefusal(folder, `${file}: is a loop of symbolic links`, 'unreadable');
    rmSync(file);
    symlinkSync('../../blobs/0123', file);
    await expectRefusal(
      folder,
      `${file}: is a link to ../../blobs/0123, which is not there: fetch it again`,
      'not-found',
    );
  });
});

describe('a folder without config.json', () => {
  it('is told that the file is missing, where its weights are there', async () => {
    const folder = await writeTinyFolder(newFolder());
    rmSync(join(folder, 'config.json'));
    await expectRefusal(folder, `${join(folder, 'config.json')}: does not exist`, 'not-found');
  });
});

describe('an index is refused', () => {
  it.each<[string, (map: Record<string, unknown>) => unknown, string]>([
    [
      'that names itself',
      (map) => ({ ...map, w: INDEX }),
      `names "${INDEX}" for w: expected a .safetensors file`,
    ],
    [
      'that leaves the folder',
      (map) => ({ ...map, w: '../m.safetensors' }),
      'names "../m.safetensors" for w',
    ],
    [
      'that names a file by its path',
      (map) => ({ ...map, w: '/m.safetensors' }),
      'names "/m.safetensors" for w',
    ],
    [
      'that leaves the folder as Windows does',
      (map) => ({ ...map, w: '..\\m.safetensors' }),
      'for w: expected',
    ],
    ['with an object for a shard', (map) => ({ ...map, w: {} }), 'names object for w'],
    ['with a name of 40 MiB', (map) => ({ ...map, w: 'n'.repeat(40 * 2 ** 20) }), 'names "nnnn'],
    [
      'of a tensor without a shard',
      (map) => ({ ...map, 'model.norm.weight': null }),
      'for model.norm.weight',
    ],
    [
      'that has a tensor in the other shard',
      (map) => ({ ...map, 'model.norm.weight': SHARDS[0] }),
      `${SHARDS[1]}: holds tensor model.norm.weight, but ${INDEX} says that it is in ${SHARDS[0]}`,
    ],
    [
      'that leaves out a tensor of a shard',
      (map) => ({ ...map, 'model.norm.weight': undefined }),
      `holds tensor model.norm.weight, but ${INDEX} does not list it`,
    ],
    [
      'that calls for a shard that is not there',
      (map) => ({ ...map, w: 'model-00003-of-00003.safetensors' }),
      `model-00003-of-00003.safetensors: does not exist: ${INDEX} calls for it, fetch it: hf download`,
    ],
  ])('%s', async (_, change, message) => {
    await expectRefusal(await shardedFolder(change), message);
  });

  it.each<[string, string, string]>([
    ['of a key twice', '{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}', 'key "w" is there twice'],
    ['of 100,000 levels', `{"weight_map":${deep(100_000)}}`, 'nests deeper than 64 levels'],
    ['of more than 64 MiB', ' '.repeat(64 * 2 ** 20 + 1), 'has 67108865 bytes, the limit is 67108864'],
    ['that is a shard', header('{}').toString('latin1'), 'is not UTF-8 JSON'],
  ])('%s', async (_, text, message) => {
    const folder = await shardedFolder();
    writeFileSync(join(folder, INDEX), text, 'latin1');
    await expectRefusal(folder, message);
  });

  it('whose claims about sizes are of no use is read', async () => {
    const folder = await shardedFolder();
    const index = JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as object;
    const metadata = { total_size: 1e18, total_parameters: 1e18 };
    writeFileSync(join(folder, INDEX), JSON.stringify({ ...index, metadata }));
    expect((await openCheckpoint(folder, { cacheFolder })).shape.layerCount).toBe(2);
  });

  it('whose shard is the index, itself, or the other shard', async () => {
    const folder = await shardedFolder();
    const [first, second] = SHARDS.map((name) => join(folder, name));
    const bytes = readFileSync(second);
    const replace = (make: () => void) => {
      rmSync(second, { force: true });
      make();
    };
    replace(() => symlinkSync(INDEX, second));
    await expectRefusal(folder, `${second}: is not safetensors`);
    replace(() => symlinkSync(SHARDS[1], second));
    await expectRefusal(folder, `${second}: is a loop of symbolic links`);
    replace(() => symlinkSync(SHARDS[0], second));
    await expectRefusal(folder, `shards ${SHARDS[0]} and ${SHARDS[1]} are links to one file, ${first}`);
    replace(() => linkSync(first, second));
    await expectRefusal(folder, `holds tensor model.embed_tokens.weight, but ${INDEX} says that it is in`);
    replace(() => symlinkSync('../gone', second));
    await expectRefusal(folder, `${second}: is a link to ../gone, which is not there`);
    replace(() => writeFileSync(second, bytes));
    expect((await openCheckpoint(folder, { cacheFolder })).finalNorm.file).toBe(second);
  });
});

describe('weights that would be left out are refused', () => {
  const stray = (name: string, values: number[]): RawTensor => {
    const data = new Uint8Array(Float32Array.from(values).buffer);
    return { name, dtype: 'F32', shape: [values.length], data };
  };
  const folderAlso = async (...more: RawTensor[]) => {
    const raw = tinyTensors().map((good): RawTensor => ({ ...good, dtype: 'F32' }));
    return folderWith('model.safetensors', rawSafetensors([...raw, ...more]));
  };

  it('a weight of a layer that the model type does not have, or a bias that does something', async () => {
    const qNorm = 'model.layers.0.self_attn.q_norm.weight';
    await expectRefusal(await folderAlso(stray(qNorm, [1])), `says that there is no ${qNorm}, but`);
    await expectRefusal(await folderAlso(stray('model.norm.bias', [0, 1])), 'no model.norm.bias, but');
  });

  it('but not a bias of zeros, frequencies of the rotary embedding, or layers beyond the last', async () => {
    const folder = await folderAlso(
      stray('model.layers.0.self_attn.q_proj.bias', [0, -0]),
      stray('model.layers.0.self_attn.rotary_emb.inv_freq', [1, 2]),
      stray('model.layers.2.input_layernorm.weight', [1]),
    );
    expect((await openCheckpoint(folder, { cacheFolder })).shape.layerCount).toBe(2);
  });
});

describe('what is named instead of a folder is refused', () => {
  it.each(['config.json', 'model.safetensors'])('%s, with the folder to name', async (name) => {
    const folder = await writeTinyFolder(newFolder());
    await expectRefusal(join(folder, name), `nor a .gguf file: name ${folder}`, 'unsupported');
  });

  it.each<[string, RegExp]>([
    [
      'pytorch_model.bin',
      /in pytorch_model\.bin, a pickle.*: python -c ".*c\.from_pretrained\('\.'\).*AutoTokenizer\)\]"$/,
    ],
    ['model.onnx', /are those of the graph model\.onnx, .*: name the model that it was made of$/],
    ['pytorch_model-00001-of-00002.bin', /a pickle, which can run code: run this in that folder/],
    ['consolidated.00.pth', /original Llama's form.*: python -m transformers\.models\.llama\.convert_llama/],
    ['tf_model.h5', /of TensorFlow.*from_tf=True.*save_pretrained\('safe'\)"$/],
    ['flax_model.msgpack', /of Flax.*from_flax=True.*save_pretrained\('safe'\)"$/],
    ['adapter_model.safetensors', /an adapter only: merge it.*merge_and_unload/],
    ['tiny.Q4_0.gguf', /name the file that is meant, e\.g\. tiny\.Q4_0\.gguf$/],
    ['consolidated.safetensors', /Mistral's own: fetch/],
    ['model-00001-of-00002.safetensors', /no model\.safetensors\.index\.json: fetch/],
    ['gptq_model-4bit-128g.safetensors', /rename it to that$/],
    ['weights.pt', /a pickle.*save_pretrained$/],
  ])('a folder whose weights are in %s, with what to do', async (name, message) => {
    const folder = await folderWith(name, 'x');
    rmSync(join(folder, 'model.safetensors'));
    const open = openCheckpoint(folder, { cacheFolder });
    await expect(open).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'unsupported',
      message: expect.stringMatching(message) as string,
    });
  });

  it('a folder of a deep path, and the command is whole', async () => {
    const folder = join(newFolder(), 'd'.repeat(200), 'e'.repeat(200));
    mkdirSync(folder, { recursive: true });
    await writeTinyFolder(folder);
    rmSync(join(folder, 'model.safetensors'));
    writeFileSync(join(folder, 'pytorch_model.bin'), '');
    await expectRefusal(
      folder,
      `python -c "import transformers as t;[c.from_pretrained('.').save_pretrained('safe')for c in(t.AutoModelForCausalLM,t.AutoTokenizer)]"`,
    );
  });

  it('a folder of weights of PyTorch without a config is told of the weights', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'consolidated.00.pth'), '');
    await expectRefusal(folder, 'original Llama');
  });
});

describe('a refused tokenizer of a quantized model leaves nothing in the cache', () => {
  it.each<[string, (file: string) => void, string]>([
    ['a pipe', (file) => execFileSync('mkfifo', [file]), 'is not a regular file'],
    ['a folder', (file) => mkdirSync(file), 'is a folder: expected a file'],
  ])('%s', async (_, make, message) => {
    const folder = writeQuantized(newFolder(), tinyGptq());
    make(join(folder, 'tokenizer.json'));
    await expectRefusal(folder, `tokenizer.json: ${message}`);
  });
});
