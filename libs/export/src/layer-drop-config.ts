import { blockIndex, isAbsent, isRemoved, type Mask, type ModelShape } from '@blockpruner/blocks';

/**
 * `layer_drop_config.txt` of EvoPress (arXiv 2410.14649): a line for each layer that says what it lacks, `none`, `attn`,
 * `mlp` or `attn+mlp`.
 */
export function layerDropConfig(shape: Pick<ModelShape, 'layerCount' | 'absentBlocks'>, mask: Mask): string {
  let text = '';
  for (let layer = 0; layer < shape.layerCount; layer++) {
    const lacks = (kind: 'mha' | 'mlp'): boolean => {
      const block = blockIndex(kind, layer);
      return isRemoved(mask, block) || isAbsent(shape, block);
    };
    const lacking = [...(lacks('mha') ? ['attn'] : []), ...(lacks('mlp') ? ['mlp'] : [])];
    text += `${lacking.join('+') || 'none'}\n`;
  }
  return text;
}
