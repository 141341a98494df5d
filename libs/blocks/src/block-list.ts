import { blockIndex, parseBlock, type BlockIndex } from './block.ts';

/**
 * Reads blocks joined by commas or pluses; `layer.3` means both blocks of a layer.
 * @returns in the order given; a block that is named twice is there twice
 * @throws RangeError naming the part that is no block of the model
 */
export function parseBlockList(text: string, layerCount?: number): BlockIndex[] {
  return text.split(/[,+]/).flatMap((part) => {
    const name = part.trim();
    const layer = /^layer\.(.*)$/.exec(name)?.[1];
    if (layer === undefined) return [parseBlock(name, layerCount)];
    const mha = parseLayer(name, layer, layerCount);
    return [mha, mha + 1];
  });
}

/** The attention block of a layer that is named as a whole. */
function parseLayer(name: string, layer: string, layerCount = Number.MAX_SAFE_INTEGER): BlockIndex {
  if (!/^(0|[1-9]\d{0,5})$/.test(layer))
    throw new RangeError(`"${name}" is not a layer: write layer.<number>, e.g. layer.3`);
  if (Number(layer) >= layerCount) {
    throw new RangeError(
      `${name} does not exist: the model has layers 0 to ${layerCount - 1} (${layerCount} layers)`,
    );
  }
  return blockIndex('mha', Number(layer));
}
