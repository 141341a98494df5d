import { parseMask } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { layerDropConfig } from './layer-drop-config.ts';

describe('layer_drop_config.txt', () => {
  it('says in a line for each layer what it lacks', () => {
    const text = layerDropConfig({ layerCount: 4 }, parseMask('mha.1+mlp.2+mha.3+mlp.3'));
    expect(text).toBe('none\nattn\nmlp\nattn+mlp\n');
  });

  it('counts what the model was made without', () => {
    expect(layerDropConfig({ layerCount: 2, absentBlocks: [1] }, [0])).toBe('attn+mlp\nnone\n');
  });
});
