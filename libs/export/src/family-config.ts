import { DENSE, repack, type Mask } from '@blockpruner/blocks';
import { findArchitecture, type Checkpoint } from '@blockpruner/checkpoint';
import type { ConfigFields } from './config-text.ts';

/** Of how the source's weights were packed, and of its own code; what is written has neither. */
const DROPPED_FIELDS = ['quantization_config', 'compression_config', 'auto_map'];

/**
 * config.json of a plain model of the source's family with the layers that are left.
 * @param mask blocks that are gone; of what is left, every layer has both
 */
export function familyConfig(fields: ConfigFields, source: Checkpoint, mask: Mask = DENSE): ConfigFields {
  const config = { ...fields };
  for (const key of DROPPED_FIELDS) delete config[key];
  // Code of its own has classes of its own.
  if ('auto_map' in fields || !Array.isArray(fields.architectures)) {
    config.architectures = [findArchitecture(source.modelType, source.folder).className];
  }
  const layers = repack(source.shape, mask);
  config.num_hidden_layers = layers.length;
  const { layer_types: types, max_window_layers: windowed } = fields;
  if (Array.isArray(types)) config.layer_types = layers.map(({ mha }) => types[mha!] as unknown);
  if (windowed !== undefined && Number(JSON.stringify(windowed)) > layers.length) {
    config.max_window_layers = layers.length;
  }
  return config;
}
