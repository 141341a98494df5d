import { blockIndex, type BlockIndex, type BlockKind, type Mask } from '@blockpruner/blocks';
import { CheckpointError } from './checkpoint-error.ts';
import { integerField, numberField, objectField, type Fields } from './field.ts';
import { LIMITS } from './limits.ts';
import { SameSize } from './same-size.ts';

/** What `block_configs` of a nemotron-nas config.json says of the blocks. */
export interface BlockConfigs {
  readonly absentBlocks: Mask;
  /** Query heads per key and value head of the blocks that are there; null where there are none, or it is not said. */
  readonly headsPerGroup: number | null;
  /** Width of the feed-forward blocks that are there, likewise. */
  readonly intermediateSize: number | null;
}

const FFN_MULTIPLES = { min: 1e-3, max: 1e4 };
/** Widths are rounded up to whole multiples. */
const WIDTH_MULTIPLE = 256;

/** Width of a feed-forward block, as every reader of nemotron-nas computes it. */
export function ffnWidth(ffnMult: number, hiddenSize: number): number {
  return Math.ceil(Math.trunc((2 * ffnMult * hiddenSize) / 3) / WIDTH_MULTIPLE) * WIDTH_MULTIPLE;
}

/** The `ffn_mult` that every reader makes this width of; null where there is none. */
export function ffnMultOf(width: number, hiddenSize: number): number | null {
  return width % WIDTH_MULTIPLE === 0 ? (3 * width) / (2 * hiddenSize) : null;
}

/** The least width of at least so much that `ffn_mult` can express. */
export function expressibleWidth(width: number): number {
  return Math.ceil(width / WIDTH_MULTIPLE) * WIDTH_MULTIPLE;
}

/**
 * Reads `block_configs`, an entry for each layer with `attention` and `ffn`.
 * @throws CheckpointError on a block that is neither there, in the one size of all, nor absent
 */
export function readBlockConfigs(config: Fields, layerCount: number, hiddenSize: number): BlockConfigs {
  const list = config.values.block_configs;
  if (!Array.isArray(list) || list.length !== layerCount) {
    const found = Array.isArray(list) ? `${list.length} entries` : 'not a list';
    throw new CheckpointError(
      'malformed',
      `${config.file}: block_configs is ${found}: expected an entry for each of the ${layerCount} layers`,
    );
  }
  const absentBlocks: BlockIndex[] = [];
  const groups = new SameSize(config.file, 'n_heads_in_group');
  const widths = new SameSize(config.file, 'feed-forward width');
  list.forEach((entry: unknown, layer) => {
    const part = (name: 'attention' | 'ffn', kind: BlockKind): Fields | null => {
      const at = { file: `${config.file}: block_configs[${layer}]`, values: asObject(entry) };
      const fields = objectField(at, name);
      if (fields === null) throw new CheckpointError('malformed', `${at.file}: ${name} is missing`);
      refuseOtherBlocks(fields);
      if (fields.values.no_op !== true) return fields;
      absentBlocks.push(blockIndex(kind, layer));
      return null;
    };
    const attention = part('attention', 'mha');
    if (attention)
      groups.add(`block_configs[${layer}]`, integerField(attention, 'n_heads_in_group', LIMITS.heads, null));
    const ffn = part('ffn', 'mlp');
    if (ffn) {
      const mult = numberField(ffn, 'ffn_mult', FFN_MULTIPLES, 0);
      widths.add(`block_configs[${layer}]`, mult === 0 ? null : ffnWidth(mult, hiddenSize));
    }
  });
  return { absentBlocks, headsPerGroup: groups.value, intermediateSize: widths.value };
}

function asObject(entry: unknown): Record<string, unknown> {
  return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : {};
}

/** Nemotron-NAS models may have blocks of kinds that no other family has. */
function refuseOtherBlocks({ file, values }: Fields): void {
  for (const key of ['replace_with_linear', 'sparsify', 'window_length', 'num_sink_tokens']) {
    const value = values[key];
    if (value !== undefined && value !== null && value !== false) {
      throw new CheckpointError(
        'unsupported',
        `${file}: ${key} is ${JSON.stringify(value).slice(0, 40)}: only blocks that are there or absent are supported`,
      );
    }
  }
}
