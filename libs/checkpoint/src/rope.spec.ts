import { describe, expect, it } from 'vitest';
import { readRope } from './rope.ts';

const read = (values: Record<string, unknown>) => readRope({ file: 'config.json', values });
const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
const llama3Scaling = {
  kind: 'llama3',
  factor: 8,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalMaxTokens: 8192,
};

describe('readRope', () => {
  it.each<[string, Record<string, unknown>, object]>([
    ['nothing at all', {}, { theta: 10000, scaling: { kind: 'none' } }],
    ['the older style', { rope_theta: 5e5, rope_scaling: null }, { theta: 5e5, scaling: { kind: 'none' } }],
    [
      'the older style with `type`',
      { rope_scaling: { type: 'linear', factor: 4 } },
      { theta: 10000, scaling: { kind: 'linear', factor: 4 } },
    ],
    [
      'the older style with `rope_type`',
      { rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...llama3 } },
      { theta: 5e5, scaling: llama3Scaling },
    ],
    [
      'the newer style',
      { rope_parameters: { rope_theta: 1e5, rope_type: 'default' } },
      { theta: 1e5, scaling: { kind: 'none' } },
    ],
    [
      'the newer style with llama3',
      { rope_parameters: { rope_theta: 5e5, rope_type: 'llama3', ...llama3 } },
      { theta: 5e5, scaling: llama3Scaling },
    ],
    [
      'the older style before the newer, as transformers does',
      {
        rope_theta: 5000,
        rope_parameters: { rope_type: 'yarn' },
        rope_scaling: { type: 'linear', factor: 2 },
      },
      { theta: 5000, scaling: { kind: 'linear', factor: 2 } },
    ],
  ])('reads %s', (_, values, rope) => {
    expect(read(values)).toEqual(rope);
  });

  it.each(['yarn', 'dynamic', 'longrope', 'toString'])('refuses the type %s by name', (type) => {
    expect(() => read({ rope_scaling: { type, factor: 2 } })).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: `config.json: rope_scaling: rope type "${type}" is not supported: only default, linear and llama3 are`,
      }),
    );
  });

  it.each<[Record<string, unknown>, string]>([
    [{ rope_theta: 0 }, 'rope_theta is 0: expected a number from 1 to'],
    [{ rope_scaling: { type: 'linear' } }, 'rope_scaling: factor is missing'],
    [{ rope_scaling: { type: 'linear', factor: -2 } }, 'factor is -2'],
    [
      { rope_scaling: { type: 'llama3', ...llama3, high_freq_factor: 1 } },
      'high_freq_factor is 1: expected more than low_freq_factor, 1',
    ],
    [{ rope_scaling: [] }, 'rope_scaling is a list: expected an object'],
    [
      { rope_parameters: { full_attention: { rope_theta: 1e4 } } },
      '"full_attention" has parameters of its own',
    ],
    [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor 0.5 is not supported: only 1 is'],
  ])('refuses %j', (values, message) => {
    expect(() => read(values)).toThrow(message);
  });
});
