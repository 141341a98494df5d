import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockIndex, isRemoved, parseMask, repack, type Mask, type PackedLayer } from '@blockpruner/blocks';
import { decodeFloats, encodeFloats, type Dtype } from '@blockpruner/checkpoint';
import { temporaryFolder, TINY_MODELS, writeTinyModel, type TinyModelName } from '@blockpruner/testkit';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prunedModel } from '../src/index.ts';
import { weightFactor } from '../src/pruned-model.ts';
import { exportFolder, open, tensorPairs, valuesOf } from './opened-export.ts';

const NAMES = Object.keys(TINY_MODELS) as TinyModelName[];
/** The format of models without some blocks has no window. */
const WITHOUT_WINDOW = NAMES.filter((name) => name !== 'mistral-window');

const folder = temporaryFolder();
const sourceOf = (name: TinyModelName): string => join(folder.path, name);
beforeAll(async () => {
  for (const name of NAMES) await writeTinyModel(sourceOf(name), TINY_MODELS[name]);
});
afterAll(() => folder.remove());

let count = 0;
const newOutput = (): string => join(folder.path, `export-${count++}`);
const mask = (text: string): Mask => parseMask(text, 4);

function readConfig(output: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')) as Record<string, unknown>;
}

/** Masks that leave at least one block of the 8. */
const masks = fc.uniqueArray(fc.nat(7), { maxLength: 7 }).map((blocks): Mask => blocks.sort((a, b) => a - b));

/** Row-major values of a matrix or vector, with zeros up to a larger shape. */
function padded(values: Float32Array, from: readonly number[], to: readonly number[]): Float32Array {
  const [rows, columns] = from.length === 1 ? [1, from[0]] : from;
  const [toRows, toColumns] = to.length === 1 ? [1, to[0]] : to;
  const wider = new Float32Array(toRows * toColumns);
  for (let row = 0; row < rows; row++) {
    wider.set(values.subarray(row * columns, (row + 1) * columns), row * toColumns);
  }
  return wider;
}

/** As they come back from the dtype. */
function rounded(values: Float32Array, dtype: Dtype): Float32Array {
  return decodeFloats(dtype, encodeFloats(dtype, values));
}

function expectSame(found: Float32Array, expected: Float32Array): void {
  expect(found.length).toBe(expected.length);
  const different = found.findIndex((value, i) => !Object.is(value, expected[i]));
  expect([different, found[different]]).toEqual([-1, undefined]);
}

const blocksOf = (layers: readonly { mha: unknown; mlp: unknown }[]): [boolean, boolean][] =>
  layers.map(({ mha, mlp }) => [mha !== null, mlp !== null]);

/** Of a source without one, as the tiny models are. */
const NO_TOKENIZER = expect.stringMatching(
  /tokenizer\.json: no such file, .*: what is written takes and gives token ids, not text$/,
) as string;

describe('a Hugging Face folder of a pruned model', () => {
  it('holds the live tensors of the source with their factors, padded with zeros, and no others', async () => {
    const factors = fc.array(fc.constantFrom(1, 1.25, 0.5), { minLength: 8, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...WITHOUT_WINDOW), masks, factors, async (name, removed, values) => {
        const source = await open(sourceOf(name));
        const output = newOutput();
        const healing = new Map(removed.map((block) => [block, values[block]]));
        await exportFolder(source, removed, output, { healing });
        const written = await open(output);
        const packed = repack(source.shape, removed);
        expect(blocksOf(written.layers)).toEqual(blocksOf(packed));
        expect(written).toMatchObject({ rope: source.rope, normEpsilon: source.normEpsilon });
        expect(written).toMatchObject({
          tiedHead: source.tiedHead,
          shape: { headSize: source.shape.headSize },
        });
        const model = prunedModel(source, removed, healing);
        for (const pair of tensorPairs(written, source, packed)) {
          expect(pair.written.dtype).toBe(source.embedding.dtype);
          const factor = weightFactor(model.factors, pair.role);
          const of = pair.source === null ? new Float32Array(0) : await valuesOf(pair.source);
          const expected = rounded(
            of.map((value) => value * factor),
            source.embedding.dtype,
          );
          const shape = pair.source?.shape ?? pair.shape.map(() => 0);
          expectSame(await valuesOf(pair.written), padded(expected, shape, pair.shape));
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it('of which every layer has both blocks is a plain model of the same family', async () => {
    for (const name of NAMES) {
      const source = await open(sourceOf(name));
      const output = newOutput();
      const { notes } = await exportFolder(source, mask('mlp.1+mha.2'), output);
      const written = await open(output);
      expect(notes).toEqual([NO_TOKENIZER]);
      expect(written.modelType).toBe(source.modelType);
      expect(written.slidingWindowTokens).toBe(source.slidingWindowTokens);
      expect(written.shape).toMatchObject({ layerCount: 3, intermediateSize: source.shape.intermediateSize });
      expect(readdirSync(output).sort()).toEqual(['README.md', 'config.json', 'model.safetensors']);
    }
  });

  it('with all layers, for what knows only the family, has zeros where removed blocks wrote', async () => {
    for (const name of NAMES) {
      const source = await open(sourceOf(name));
      const output = newOutput();
      const removed = mask('mha.0+mlp.0+mlp.2');
      const { notes } = await exportFolder(source, removed, output, { compat: true });
      const written = await open(output);
      expect(notes).toEqual([
        'all 4 layers are kept, and removed blocks write zeros: nothing is smaller or faster than the source',
        NO_TOKENIZER,
      ]);
      expect(written).toMatchObject({ modelType: source.modelType, shape: source.shape });
      const packed = source.layers.map((_, layer) => ({ mha: layer, mlp: layer }));
      for (const { role, source: from, written: to } of tensorPairs(written, source, packed)) {
        const isZero =
          (role.module === 'o' && isRemoved(removed, blockIndex('mha', role.layer!))) ||
          (role.module === 'down' && isRemoved(removed, blockIndex('mlp', role.layer!)));
        const values = await valuesOf(from!);
        expectSame(await valuesOf(to), isZero ? new Float32Array(values.length) : values);
      }
    }
  });

  it('can be pruned further, and made plain again, with zeros for what it lacks', async () => {
    const source = await open(sourceOf('llama-all-biases'));
    const [first, second, plain, compat] = [newOutput(), newOutput(), newOutput(), newOutput()];
    await exportFolder(source, mask('mha.1'), first);
    const once = await open(first);
    expect(once.modelType).toBe('nemotron-nas');

    await exportFolder(once, parseMask('mlp.3', 4), second);
    const twice = await open(second);
    expect(blocksOf(twice.layers)).toEqual(blocksOf(repack(source.shape, mask('mha.1+mlp.3'))));

    await exportFolder(once, parseMask('mlp.1', 4), plain);
    expect(await open(plain)).toMatchObject({ modelType: 'llama', shape: { layerCount: 3 } });
    expect(readConfig(plain)).toMatchObject({
      intermediate_size: 256,
      num_key_value_heads: 1,
      mlp_bias: true,
    });
    expect(readConfig(plain)).not.toHaveProperty('auto_map');

    await exportFolder(once, [], compat, { compat: true });
    const whole = await open(compat);
    expect(whole).toMatchObject({ modelType: 'llama', shape: { layerCount: 4 } });
    expectSame(await valuesOf(whole.layers[1].mha!.norm), new Float32Array(64));
    const { mha } = source.layers[2];
    expectSame(await valuesOf(whole.layers[2].mha!.q.weight), await valuesOf(mha!.q.weight));
  });

  it.each<Dtype>(['float32', 'float16', 'bfloat16'])(
    'is written in %s where that is asked for',
    async (dtype) => {
      const source = await open(sourceOf('llama-mha-tied'));
      const output = newOutput();
      await exportFolder(source, mask('mha.1'), output, { dtype });
      const written = await open(output);
      expect(readConfig(output).torch_dtype).toBe(dtype);
      const packed: readonly PackedLayer[] = repack(source.shape, mask('mha.1'));
      for (const { shape, source: from, written: to } of tensorPairs(written, source, packed)) {
        expect(to.dtype).toBe(dtype);
        expectSame(await valuesOf(to), padded(rounded(await valuesOf(from!), dtype), from!.shape, shape));
      }
    },
  );
});

describe('config.json', () => {
  it('of a model that lacks blocks has every field that a runtime asks for', async () => {
    const output = newOutput();
    await exportFolder(await open(sourceOf('qwen2-biases')), mask('mha.1+mlp.1+mlp.3'), output);
    const config = readConfig(output);
    expect(config).toMatchObject({
      architectures: ['DeciLMForCausalLM'],
      model_type: 'nemotron-nas',
      auto_map: {
        AutoConfig: 'configuration_decilm.DeciLMConfig',
        AutoModelForCausalLM: 'modeling_decilm.DeciLMForCausalLM',
      },
      bos_token_id: 1,
      eos_token_id: 2,
      attention_bias: true,
      head_dim: 16,
      hidden_act: 'silu',
      hidden_size: 64,
      intermediate_size: null,
      max_position_embeddings: 512,
      mlp_bias: false,
      num_attention_heads: 4,
      num_hidden_layers: 3,
      num_key_value_heads: null,
      rms_norm_eps: 1e-6,
      rope_theta: 1000000,
      rope_scaling: null,
      tie_word_embeddings: true,
      torch_dtype: 'float32',
      vocab_size: 448,
    });
    expect(config).not.toHaveProperty('sliding_window');
    const [whole, , withoutMlp] = config.block_configs as unknown[];
    expect(whole).toEqual({
      attention: {
        n_heads_in_group: 2,
        no_op: false,
        num_sink_tokens: null,
        replace_with_linear: false,
        sparsify: null,
        unshifted_sink: false,
        use_prefill_window_in_sink_attention: false,
        window_length: null,
      },
      ffn: { ffn_mult: 6, no_op: false, replace_with_linear: false, sparsify: null },
    });
    expect(withoutMlp).toMatchObject({ attention: { no_op: false }, ffn: { ffn_mult: null, no_op: true } });
    // To Python, 6 would be another type than 5.25.
    expect(readFileSync(join(output, 'config.json'), 'utf8')).toContain('"ffn_mult": 6.0,');
  });

  it('says the rope in the older way, which every runtime reads', async () => {
    const [scaled, newer] = [newOutput(), newOutput()];
    await exportFolder(await open(sourceOf('llama3-rope')), mask('mha.1'), scaled);
    expect(readConfig(scaled).rope_scaling).toEqual({
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    });
    await exportFolder(await open(sourceOf('llama-fp16-v5-config')), mask('mha.1'), newer);
    expect(readConfig(newer)).toMatchObject({
      rope_theta: 500000,
      rope_scaling: null,
      torch_dtype: 'float16',
    });
  });

  it('of a plain model keeps what the source says, but for its layers and its own code', async () => {
    const name = join(folder.path, 'with-code');
    await writeTinyModel(name, TINY_MODELS['qwen2-biases']);
    const text = readFileSync(join(name, 'config.json'), 'utf8');
    const more = {
      ...(JSON.parse(text) as object),
      architectures: ['OwnForCausalLM'],
      auto_map: { AutoModelForCausalLM: 'own.OwnForCausalLM' },
      layer_types: ['a', 'b', 'c', 'd'].map((kind) => `${kind}_attention`),
      max_window_layers: 4,
      own: 1,
    };
    writeFileSync(join(name, 'config.json'), JSON.stringify(more).replace('"own":1', '"own":1.0'));
    const output = newOutput();
    await exportFolder(await open(name), mask('mha.1+mlp.0'), output);
    const config = readConfig(output);
    expect(config).toMatchObject({
      architectures: ['Qwen2ForCausalLM'],
      layer_types: ['a_attention', 'c_attention', 'd_attention'],
      max_window_layers: 3,
      num_hidden_layers: 3,
      sliding_window: 24,
      use_sliding_window: false,
    });
    expect(config).not.toHaveProperty('auto_map');
    expect(readFileSync(join(output, 'config.json'), 'utf8')).toContain('"own": 1.0');
  });
});

describe('the files beside the weights', () => {
  it('are the tokenizer, what generation needs and the licence of the source, byte for byte, and the card', async () => {
    const name = join(folder.path, 'with-files');
    await writeTinyModel(name, TINY_MODELS['llama-mha-tied']);
    const copied = ['tokenizer.json', 'merges.txt', 'generation_config.json', 'LICENSE.txt', 'NOTICE'];
    for (const file of copied) writeFileSync(join(name, file), `\r\n${file}`);
    writeFileSync(join(name, 'pytorch_model.bin'), '');
    writeFileSync(join(name, 'README.md'), 'of the source');
    const output = newOutput();
    const { notes } = await exportFolder(await open(name), mask('mha.1'), output, { card: '# Mine\n' });
    expect(notes).not.toContainEqual(NO_TOKENIZER);
    const code = ['configuration_decilm.py', 'modeling_decilm.py'];
    expect(readdirSync(output).sort()).toEqual(
      [...copied, ...code, 'README.md', 'config.json', 'model.safetensors'].sort(),
    );
    for (const file of copied) expect(readFileSync(join(output, file), 'utf8')).toBe(`\r\n${file}`);
    expect(readFileSync(join(output, 'README.md'), 'utf8')).toBe('# Mine\n');
    for (const file of code) {
      const own = readFileSync(join(import.meta.dirname, '../decilm', file));
      expect(readFileSync(join(output, file)).equals(own)).toBe(true);
    }
  });
});

describe('the format of models without some blocks', () => {
  it('refuses a window of attention, with the way out', async () => {
    const source = await open(sourceOf('mistral-window'));
    await expect(exportFolder(source, mask('mha.1'), newOutput())).rejects.toThrow(
      /mistral-window: attends to a window of 24 tokens, .*: export --to hf --compat, or leave every layer both its blocks$/,
    );
  });

  it('says what some runtimes cannot do with it', async () => {
    const notesOf = async (name: TinyModelName, text: string): Promise<readonly string[]> => {
      const { notes } = await exportFolder(await open(sourceOf(name)), mask(text), newOutput());
      return notes.slice(0, -1).map((note) => note.split(':')[0]);
    };
    const padding = 'feed-forward blocks are padded with zeros from 160 to 256';
    expect(await notesOf('llama-mha-tied', 'mha.1')).toEqual([padding]);
    expect(await notesOf('llama-mha-tied', 'mha.0')).toEqual([padding]);
    // The next layer's attention is the first block that is left.
    expect(await notesOf('llama-mha-tied', 'mha.0+mlp.0+mlp.2')).toEqual([padding]);
    expect(await notesOf('llama-gqa-untied', 'mha.1')).toEqual([
      padding,
      'heads have 32 elements, not hidden size over heads (24)',
    ]);
  });
});
