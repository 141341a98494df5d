import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expressibleWidth, ffnMultOf, ffnWidth, readBlockConfigs } from './block-configs.ts';

const HIDDEN = 576;
const MHA = { n_heads_in_group: 3, no_op: false };
const FFN = { ffn_mult: 4, no_op: false };
const NONE = { no_op: true };

const read = (block_configs: unknown) =>
  readBlockConfigs(
    { file: 'config.json', values: { block_configs } },
    Array.isArray(block_configs) ? block_configs.length : 2,
    HIDDEN,
  );

describe('block_configs', () => {
  it('say which blocks are absent, and the size of the others', () => {
    const configs = [
      { attention: MHA, ffn: NONE },
      { attention: NONE, ffn: FFN },
      { attention: MHA, ffn: FFN },
    ];
    expect(read(configs)).toEqual({ absentBlocks: [1, 2], headsPerGroup: 3, intermediateSize: 1536 });
    expect(read([{ attention: NONE, ffn: NONE }])).toEqual({
      absentBlocks: [0, 1],
      headsPerGroup: null,
      intermediateSize: null,
    });
  });

  it.each([
    ['not a list', 'all', 'block_configs is not a list: expected an entry for each of the 2 layers'],
    ['no attention', [{ ffn: FFN }], 'block_configs[0]: attention is missing'],
    ['a text', ['x'], 'block_configs[0]: attention is missing'],
    ['a part that is a text', [{ attention: 'x', ffn: FFN }], 'attention is "x": expected an object'],
    ['null', [null], 'block_configs[0]: attention is missing'],
    [
      'a linear block',
      [{ attention: { ...NONE, replace_with_linear: true }, ffn: FFN }],
      'replace_with_linear is true: only blocks that are there or absent are supported',
    ],
    [
      'two widths',
      [
        { attention: MHA, ffn: FFN },
        { attention: MHA, ffn: { ffn_mult: 2, no_op: false } },
      ],
      'block_configs[1] has feed-forward width 768, others 1536: blocks of different sizes are not supported',
    ],
    [
      'a group that is a text',
      [{ attention: { n_heads_in_group: '3' }, ffn: FFN }],
      'n_heads_in_group is "3": expected an integer from 1 to 4096',
    ],
    [
      'groups beyond any',
      [{ attention: { n_heads_in_group: 2 ** 20 }, ffn: FFN }],
      'n_heads_in_group is 1048576',
    ],
    [
      'a mad multiple',
      [{ attention: MHA, ffn: { ffn_mult: 1e9 } }],
      'ffn_mult is 1000000000: expected a number',
    ],
  ])('of %s are refused', (_name, configs, reason) => {
    expect(() => read(configs)).toThrow(reason);
  });

  it('express every width that is a multiple of 256, and no other', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 17 }),
        fc.integer({ min: 1, max: 2 ** 15 }),
        (width, hidden) => {
          const padded = expressibleWidth(width);
          expect(padded - width).toBeGreaterThanOrEqual(0);
          expect(padded - width).toBeLessThan(256);
          expect(ffnWidth(ffnMultOf(padded, hidden)!, hidden)).toBe(padded);
          expect(ffnMultOf(width, hidden) === null).toBe(padded !== width);
        },
      ),
    );
  });
});
