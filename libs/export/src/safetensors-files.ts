import { encodeSafetensorsHeader } from '@blockpruner/checkpoint';
import { smallFile, type PlannedFile } from './planned-file.ts';
import { tensorBytes, tensorFile } from './planned-tensor.ts';
import type { FloatTensor } from './source-rows.ts';

/** As `save_pretrained` of transformers has it. */
export const MAX_SHARD_BYTES = 5e9;

/**
 * The tensors, in their order, as `model.safetensors`, or as shards with their index where one file would be larger than
 * `maxShardBytes`. A tensor that is larger has a shard of its own.
 */
export function safetensorsFiles(
  tensors: readonly FloatTensor[],
  maxShardBytes: number = MAX_SHARD_BYTES,
): PlannedFile[] {
  const shards = splitIntoShards(tensors, maxShardBytes);
  const names = shards.map((_, shard) => shardName(shard, shards.length));
  const files = shards.map((shard, i) => tensorFile(names[i], encodeSafetensorsHeader(shard), shard, 1));
  if (files.length === 1) return files;
  const index = {
    metadata: { total_size: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0) },
    weight_map: Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]]))),
  };
  return [...files, smallFile('model.safetensors.index.json', `${JSON.stringify(index, null, 2)}\n`)];
}

function splitIntoShards(tensors: readonly FloatTensor[], maxShardBytes: number): FloatTensor[][] {
  const shards: FloatTensor[][] = [];
  let roomBytes = 0;
  for (const tensor of tensors) {
    if (tensorBytes(tensor) > roomBytes || shards.length === 0) {
      shards.push([]);
      roomBytes = maxShardBytes;
    }
    shards.at(-1)!.push(tensor);
    roomBytes -= tensorBytes(tensor);
  }
  return shards;
}

function shardName(shard: number, count: number): string {
  if (count === 1) return 'model.safetensors';
  const number = (value: number) => String(value).padStart(5, '0');
  return `model-${number(shard + 1)}-of-${number(count)}.safetensors`;
}
