import { blockIndex, repack, type BlockIndex } from '@blockpruner/blocks';
import { layoutOf } from '@blockpruner/checkpoint';
import type { ConfigFields } from './config-text.ts';
import { familyConfig } from './family-config.ts';
import type { FolderContent } from './folder-content.ts';
import { llamaConfig } from './nemotron-config.ts';
import type { PrunedModel, WeightFactors } from './pruned-model.ts';

/** A model of the source's family with all its layers, in which removed and absent blocks write zeros. */
export function compatFolder(model: PrunedModel, fields: ConfigFields): FolderContent {
  const { source } = model;
  const own = layoutOf(source);
  const layout = { ...own, sizes: { ...own.sizes, absentBlocks: undefined } };
  return {
    config:
      source.modelType === 'nemotron-nas'
        ? llamaConfig(fields, source, layout)
        : familyConfig(fields, source),
    code: [],
    layout,
    tensors: source,
    factors: factorsOfAllLayers(model),
    notes: [
      `all ${source.shape.layerCount} layers are kept, and removed blocks write zeros: nothing is smaller or faster than the source`,
    ],
  };
}

function factorsOfAllLayers({ source, mask, factors }: PrunedModel): WeightFactors {
  const live = new Map<BlockIndex, number>();
  repack(source.shape, mask).forEach(({ mha, mlp }, layer) => {
    if (mha !== null) live.set(blockIndex('mha', mha), factors.layers[layer].mha);
    if (mlp !== null) live.set(blockIndex('mlp', mlp), factors.layers[layer].mlp);
  });
  return {
    ...factors,
    layers: source.layers.map((_, layer) => ({
      mha: live.get(blockIndex('mha', layer)) ?? 0,
      mlp: live.get(blockIndex('mlp', layer)) ?? 0,
    })),
  };
}
