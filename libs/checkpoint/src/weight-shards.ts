import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { objectField } from './field.ts';
import { parseJsonObject, readWholeFile } from './file-bytes.ts';
import { readSafetensorsHeader, type SafetensorsEntry, type SafetensorsFile } from './safetensors-header.ts';

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
/** 64 MiB: about 500,000 tensor names. */
const MAX_INDEX_BYTES = 64 * 2 ** 20;
/** Five times the largest published checkpoint's. */
const MAX_SHARDS = 1024;

/** The weights of a Hugging Face folder. */
export interface WeightFiles {
  /** In the order of their names in the folder. */
  readonly shards: readonly SafetensorsFile[];
  /**
   * Finds a tensor.
   * @throws CheckpointError when it is absent, or not in the shard that the index names
   */
  locate(name: string): { readonly shard: SafetensorsFile; readonly entry: SafetensorsEntry };
  has(name: string): boolean;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw fromFileSystem(error, path);
  }
}

async function explainAbsence(folder: string): Promise<CheckpointError> {
  const files = await readdir(folder);
  if (files.some((name) => /^pytorch_model.*\.bin(\.index\.json)?$/.test(name))) {
    return new CheckpointError(
      'unsupported',
      `${folder}: holds pytorch_model.bin weights only: convert them with transformers: ` +
        `AutoModelForCausalLM.from_pretrained("${folder}").save_pretrained("<new folder>")`,
    );
  }
  return new CheckpointError('not-found', `${folder}: has neither ${SINGLE_FILE} nor ${INDEX_FILE}`);
}

/** Reads the index: tensor name to shard file name. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const values = parseJsonObject(await readWholeFile(path, MAX_INDEX_BYTES), path);
  const weightMap = objectField({ file: path, values }, 'weight_map');
  if (weightMap === null) throw new CheckpointError('malformed', `${path}: weight_map is missing`);
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(weightMap.values)) {
    // A shard elsewhere would escape the folder.
    if (typeof shard !== 'string' || !/^[^/\\\0]+\.safetensors$/.test(shard)) {
      throw new CheckpointError(
        'malformed',
        `${path}: weight_map names ${JSON.stringify(shard)?.slice(0, 80)} for ${tensor}: expected a .safetensors file of this folder`,
      );
    }
    shardOf.set(tensor, shard);
  }
  return shardOf;
}

function checkOneFolder(shards: readonly SafetensorsFile[], folder: string): void {
  const folders = [...new Set(shards.map(({ file }) => dirname(file)))];
  if (folders.length > 1) {
    throw new CheckpointError(
      'unsupported',
      `${folder}: its shards are links into different folders (${folders[0]} and ${folders[1]}): ` +
        'the engine maps weights from one folder: copy them into one',
    );
  }
}

/**
 * Reads the headers of `model.safetensors`, or of every shard that the index names.
 * @throws CheckpointError when weights are absent, truncated or malformed, or lie in more than one folder
 */
export async function openWeightFiles(folder: string): Promise<WeightFiles> {
  let shardOf: Map<string, string> | null = null;
  let names = [SINGLE_FILE];
  if (!(await exists(join(folder, SINGLE_FILE)))) {
    const indexPath = join(folder, INDEX_FILE);
    if (!(await exists(indexPath))) throw await explainAbsence(folder);
    shardOf = await readIndex(indexPath);
    names = [...new Set(shardOf.values())].sort();
    if (names.length === 0 || names.length > MAX_SHARDS) {
      throw new CheckpointError(
        'malformed',
        `${indexPath}: names ${names.length} shards: expected 1 to ${MAX_SHARDS}`,
      );
    }
  }
  const shards = new Map<string, SafetensorsFile>();
  for (const name of names) shards.set(name, await readSafetensorsHeader(join(folder, name)));
  checkOneFolder([...shards.values()], folder);

  return {
    shards: [...shards.values()],
    has: (name) => (shardOf ? shardOf.has(name) : shards.get(SINGLE_FILE)!.tensors.has(name)),
    locate(name) {
      const shardName = shardOf ? shardOf.get(name) : SINGLE_FILE;
      if (shardName === undefined) {
        throw new CheckpointError('missing-tensor', `${join(folder, INDEX_FILE)}: tensor ${name} is missing`);
      }
      const shard = shards.get(shardName)!;
      const entry = shard.tensors.get(name);
      if (entry === undefined) {
        throw new CheckpointError('missing-tensor', `${join(folder, shardName)}: tensor ${name} is missing`);
      }
      return { shard, entry };
    },
  };
}
