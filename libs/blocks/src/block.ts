/** The two residual blocks of a transformer layer: attention and feed-forward (arXiv 2406.10594, section 3.1). */
export type BlockKind = 'mha' | 'mlp';

/** Execution order, `0 … 2L-1`: `2·layer` for mha, `2·layer+1` for mlp. */
export type BlockIndex = number;

export function blockIndex(kind: BlockKind, layer: number): BlockIndex {
  return 2 * layer + (kind === 'mlp' ? 1 : 0);
}

export function blockKind(block: BlockIndex): BlockKind {
  return block % 2 === 0 ? 'mha' : 'mlp';
}

export function blockLayer(block: BlockIndex): number {
  return block >> 1;
}

/** Text form: `mha.12`, `mlp.3`. */
export function formatBlock(block: BlockIndex): string {
  return `${blockKind(block)}.${blockLayer(block)}`;
}

/**
 * Reads the text form of a block.
 * @throws RangeError naming the text, and the layers there are when `layerCount` is given
 */
export function parseBlock(text: string, layerCount = Number.MAX_SAFE_INTEGER): BlockIndex {
  const match = /^(mha|mlp)\.(0|[1-9]\d{0,5})$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a block: write mha.<layer> or mlp.<layer>, e.g. mha.3`);
  const layer = Number(match[2]);
  if (layer >= layerCount) {
    throw new RangeError(
      `block ${text} does not exist: the model has layers 0 to ${layerCount - 1} (${layerCount} layers)`,
    );
  }
  return blockIndex(match[1] as BlockKind, layer);
}

/** Which blocks a search may remove: both kinds, or one of them. */
export type BlockType = 'mix' | BlockKind;

/** Every block of the type, in execution order. */
export function blocksOfType(type: BlockType, layerCount: number): BlockIndex[] {
  const all = Array.from({ length: 2 * layerCount }, (_, block) => block);
  return type === 'mix' ? all : all.filter((block) => blockKind(block) === type);
}

/**
 * The paper's tie order: mha before mlp, then the lower layer.
 * @returns negative when `a` comes first
 */
export function compareTie(a: BlockIndex, b: BlockIndex): number {
  return (a % 2) - (b % 2) || a - b;
}
