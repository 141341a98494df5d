import { TINY_MODELS } from '@blockpruner/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deciLayers, requireRunnable } from './deci-layers.ts';

const BOTH = { headCount: 4, kvHeadCount: 2, feedForwardLength: 64 };
const MLP = { headCount: 0, kvHeadCount: 0, feedForwardLength: 64 };

describe('layers of a deci file', () => {
  it.each([
    [
      'attention beside no feed-forward block',
      [BOTH, { ...BOTH, feedForwardLength: 0 }, BOTH],
      'layer 1 of 3 has',
    ],
    ['a last layer of attention alone', [BOTH, { ...BOTH, feedForwardLength: 0 }], 'without that attention'],
    ['a last layer of nothing', [BOTH, { ...MLP, feedForwardLength: 0 }], 'layer 1 of 2 is the last one'],
    ['a first layer without attention', [MLP, BOTH], 'layer 0 of 2 is the first one'],
    ['heads without keys', [BOTH, { ...BOTH, kvHeadCount: 0 }], 'linear attention'],
  ])('with %s are refused', (_, sizes, message) => {
    expect(() => requireRunnable(sizes)).toThrow(message);
  });

  it('are made so that llama.cpp runs them, whatever blocks are left', () => {
    const shape = { ...TINY_MODELS['llama-mha-tied'] } as never;
    const kinds = fc.constantFrom({ mha: {}, mlp: {} }, { mha: {}, mlp: null }, { mha: null, mlp: {} });
    fc.assert(
      fc.property(fc.array(kinds, { minLength: 1, maxLength: 12 }), (layers) => {
        const { sizes, zeroMha, zeroMlp } = deciLayers({ layers: layers as never, shape });
        expect(() => requireRunnable(sizes)).not.toThrow();
        for (const [layer, { mha, mlp }] of layers.entries()) {
          expect(zeroMlp.includes(layer)).toBe(mlp === null);
          expect(zeroMha.includes(layer)).toBe(mha === null && layer === 0);
        }
      }),
    );
  });
});
