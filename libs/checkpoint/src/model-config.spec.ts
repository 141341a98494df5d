import { describe, expect, it } from 'vitest';
import { TINY_CONFIG } from '../test/tiny-model.ts';
import { readModelConfig } from './model-config.ts';

const read = (fields: Record<string, unknown>) =>
  readModelConfig({ file: 'config.json', values: { ...TINY_CONFIG, ...fields } });

describe('readModelConfig', () => {
  it('reads sizes, and derives the head size and the key-value heads where they are absent or null', () => {
    const config = read({ num_key_value_heads: null, head_dim: undefined });
    expect(config.sizes).toEqual({
      layerCount: 2,
      hiddenSize: 32,
      intermediateSize: 64,
      headCount: 2,
      kvHeadCount: 2,
      headSize: 16,
      vocabSize: 24,
    });
    expect(config).toMatchObject({
      modelType: 'llama',
      normEpsilon: 1e-5,
      maxPositionTokens: 128,
      tiedHead: true,
    });
  });

  it('takes a head size that is not hidden size over heads', () => {
    expect(read({ head_dim: 64 }).sizes.headSize).toBe(64);
  });

  it('the head is not tied unless config.json says so', () => {
    expect(
      ['llama', 'mistral', 'qwen2'].map(
        (model_type) => read({ model_type, tie_word_embeddings: undefined }).tiedHead,
      ),
    ).toEqual([false, false, false]);
  });

  it('biases of llama follow attention_bias and mlp_bias, those of the others are fixed', () => {
    expect(read({}).biases).toEqual({ qkv: false, o: false, mlp: false });
    expect(read({ attention_bias: true }).biases).toEqual({ qkv: true, o: true, mlp: false });
    expect(read({ mlp_bias: true }).biases).toEqual({ qkv: false, o: false, mlp: true });
    expect(read({ model_type: 'mistral', attention_bias: true }).biases).toEqual({
      qkv: false,
      o: false,
      mlp: false,
    });
    expect(read({ model_type: 'qwen2' }).biases).toEqual({ qkv: true, o: false, mlp: false });
  });

  it.each([
    ['llama', 64],
    ['mistral', 8],
    ['qwen2', 32],
  ])('%s has the key-value heads of transformers where config.json does not say', (model_type, heads) => {
    const fields = { model_type, hidden_size: 1024, num_attention_heads: 64, num_key_value_heads: undefined };
    expect(read(fields).sizes.kvHeadCount).toBe(heads);
  });

  it('mistral has the window that sliding_window names, llama none', () => {
    expect(read({ model_type: 'mistral', sliding_window: 64 }).slidingWindowTokens).toBe(64);
    expect(read({ model_type: 'mistral', sliding_window: null }).slidingWindowTokens).toBeNull();
    expect(read({ model_type: 'mistral' }).slidingWindowTokens).toBe(4096);
    expect(read({ sliding_window: 64 }).slidingWindowTokens).toBeNull();
  });

  it('qwen2 has a window only when it is switched on and applies to every layer', () => {
    const qwen2 = { model_type: 'qwen2', sliding_window: 64, use_sliding_window: true };
    expect(
      read({ ...qwen2, use_sliding_window: false, max_window_layers: 0 }).slidingWindowTokens,
    ).toBeNull();
    expect(read({ ...qwen2, sliding_window: null }).slidingWindowTokens).toBeNull();
    expect(read({ ...qwen2, max_window_layers: 2 }).slidingWindowTokens).toBeNull();
    expect(read({ ...qwen2, max_window_layers: 0 }).slidingWindowTokens).toBe(64);
    expect(
      read({ ...qwen2, layer_types: ['sliding_attention', 'sliding_attention'] }).slidingWindowTokens,
    ).toBe(64);
    expect(() => read({ ...qwen2, max_window_layers: 1 })).toThrow(
      'applies to 1 of 2 layers (max_window_layers 1)',
    );
  });

  it('an unknown model_type is refused with the list of those supported', () => {
    for (const model_type of ['gemma3', '__proto__', 'constructor']) {
      expect(() => read({ model_type })).toThrow(
        `config.json: model_type "${model_type}" is not supported: supported are llama, nemotron-nas, mistral, qwen2`,
      );
    }
  });

  it.each<[Record<string, unknown>, string]>([
    [{ hidden_act: 'gelu' }, 'hidden_act "gelu" is not supported: only silu is'],
    [{ head_dim: 15 }, 'head size 15 is odd'],
  ])('refuses %j as unsupported', (fields, message) => {
    expect(() => read(fields)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(message) as string }),
    );
  });

  it.each<[Record<string, unknown>, string]>([
    [{ model_type: undefined }, 'config.json: model_type is missing: expected a string'],
    [{ hidden_size: undefined }, 'hidden_size is missing: expected an integer from 1 to 65536'],
    [{ hidden_size: 32.5 }, 'hidden_size is 32.5: expected an integer from 1 to 65536'],
    [{ hidden_size: '32' }, 'hidden_size is "32": expected an integer'],
    [{ hidden_size: 1e9 }, 'hidden_size is 1000000000: expected an integer from 1 to 65536'],
    [{ num_hidden_layers: 0 }, 'num_hidden_layers is 0: expected an integer from 1 to 1024'],
    [{ num_hidden_layers: 5e9 }, 'num_hidden_layers is 5000000000: expected'],
    [{ num_attention_heads: [2] }, 'num_attention_heads is a list: expected an integer'],
    [{ num_attention_heads: 3 }, 'hidden_size 32 is not a multiple of num_attention_heads 3'],
    [
      { num_attention_heads: 4, num_key_value_heads: 3 },
      'num_attention_heads 4 is not a multiple of num_key_value_heads 3',
    ],
    [{ vocab_size: 2 ** 22 }, 'vocab_size is 4194304: expected an integer from 1 to 2097152'],
    [{ rms_norm_eps: -1 }, 'rms_norm_eps is -1: expected a number from 1e-20 to 1'],
    [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings is "yes": expected true or false'],
    [{ max_position_embeddings: {} }, 'max_position_embeddings is an object: expected an integer'],
  ])('refuses %j as malformed, naming the field and its bounds', (fields, message) => {
    expect(() => read(fields)).toThrow(
      expect.objectContaining({ code: 'malformed', message: expect.stringContaining(message) as string }),
    );
  });
});
