import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { explainAbsentWeights } from './absent-weights.ts';
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
const MAX_SHOWN_NAME_LENGTH = 120;

/** A tensor as its shard describes it. */
export interface StoredTensor extends SafetensorsEntry {
  /** Absolute, with symbolic links resolved. */
  readonly file: string;
}

/** The weights of a Hugging Face folder. */
export interface WeightFiles {
  /** What errors name when a tensor is missing: the only file, or the index. */
  readonly source: string;
  /** Names in the folder of all that was read: the weights, and their index where there is one. */
  readonly fileNames: readonly string[];
  /** In the order of their names in the folder. */
  readonly shards: readonly SafetensorsFile[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Tensor name to shard file name, as the index has it. */
type ShardOfTensor = ReadonlyMap<string, string>;

/** True of a link that leads nowhere too: reading it says so. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw fromFileSystem(error, path);
  }
}

async function readIndex(path: string): Promise<ShardOfTensor> {
  const values = parseJsonObject(await readWholeFile(path, MAX_INDEX_BYTES), path);
  const weightMap = objectField({ file: path, values }, 'weight_map');
  if (weightMap === null) throw new CheckpointError('malformed', `${path}: weight_map is missing`);
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(weightMap.values)) {
    // A shard elsewhere would escape the folder.
    if (typeof shard !== 'string' || !/^[^/\\\0]{1,255}$/.test(shard) || !shard.endsWith('.safetensors')) {
      const shown = typeof shard === 'string' ? JSON.stringify(shard.slice(0, 80)) : typeof shard;
      throw new CheckpointError(
        'malformed',
        `${path}: weight_map names ${shown} for ${tensor.slice(0, MAX_SHOWN_NAME_LENGTH)}: expected a .safetensors file of this folder`,
      );
    }
    shardOf.set(tensor, shard);
  }
  return shardOf;
}

function shardNames(shardOf: ShardOfTensor, indexPath: string): string[] {
  const names = [...new Set(shardOf.values())].sort();
  if (names.length === 0 || names.length > MAX_SHARDS) {
    throw new CheckpointError(
      'malformed',
      `${indexPath}: names ${names.length} shards: expected 1 to ${MAX_SHARDS}`,
    );
  }
  return names;
}

/** The name on the hub of a model whose folder lies in the hub's cache, else a stand-in for it. */
function hubName(folder: string): string {
  const [, organisation, model] = /models--([\w.-]+?)--([\w.-]+)\/snapshots\//.exec(folder) ?? [];
  return model === undefined ? 'ORG/MODEL' : `${organisation}/${model}`;
}

async function readShard(folder: string, name: string): Promise<SafetensorsFile> {
  try {
    return await readSafetensorsHeader(join(folder, name));
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== 'not-found') throw error;
    throw new CheckpointError(
      'not-found',
      `${error.message}: ${INDEX_FILE} calls for it, fetch it: hf download ${hubName(folder)} ${name}`,
      { cause: error },
    );
  }
}

function refuseOneFileTwice(shards: ReadonlyMap<string, SafetensorsFile>, folder: string): void {
  const names = new Map<string, string>();
  for (const [name, { file }] of shards) {
    const other = names.get(file);
    if (other !== undefined) {
      throw new CheckpointError(
        'malformed',
        `${folder}: shards ${other} and ${name} are links to one file, ${file}: fetch them again`,
      );
    }
    names.set(file, name);
  }
}

/** Puts the tensors of all shards together; each must be where the index says. */
function gatherTensors(
  shards: ReadonlyMap<string, SafetensorsFile>,
  shardOf: ShardOfTensor | null,
  folder: string,
): Map<string, StoredTensor> {
  const gathered = new Map<string, StoredTensor>();
  for (const [shardName, { file, tensors }] of shards) {
    for (const [tensor, entry] of tensors) {
      const listed = shardOf === null ? shardName : shardOf.get(tensor);
      if (listed !== shardName) {
        const name = tensor.slice(0, MAX_SHOWN_NAME_LENGTH);
        const says = listed === undefined ? 'does not list it' : `says that it is in ${listed}`;
        throw new CheckpointError(
          'malformed',
          `${join(folder, shardName)}: holds tensor ${name}, but ${INDEX_FILE} ${says}: they are of different models, fetch both again`,
        );
      }
      gathered.set(tensor, { ...entry, file });
    }
  }
  return gathered;
}

/** Whether a folder has weights of a form that is read, damaged or not. */
export async function hasWeights(folder: string): Promise<boolean> {
  return (await exists(join(folder, SINGLE_FILE))) || exists(join(folder, INDEX_FILE));
}

/**
 * Reads the headers of `model.safetensors`, or of every shard that the index names.
 * @throws CheckpointError when weights are absent, truncated or malformed, or the shards do not fit the index
 */
export async function openWeightFiles(folder: string): Promise<WeightFiles> {
  const single = join(folder, SINGLE_FILE);
  const indexPath = join(folder, INDEX_FILE);
  if (!(await hasWeights(folder))) {
    throw await explainAbsentWeights(folder, `neither ${SINGLE_FILE} nor ${INDEX_FILE}`);
  }
  const isSingle = await exists(single);
  const shardOf = isSingle ? null : await readIndex(indexPath);
  const shards = new Map<string, SafetensorsFile>();
  if (shardOf === null) shards.set(SINGLE_FILE, await readSafetensorsHeader(single));
  else for (const name of shardNames(shardOf, indexPath)) shards.set(name, await readShard(folder, name));
  refuseOneFileTwice(shards, folder);
  return {
    source: isSingle ? single : indexPath,
    fileNames: isSingle ? [SINGLE_FILE] : [INDEX_FILE, ...shards.keys()],
    shards: [...shards.values()],
    tensors: gatherTensors(shards, shardOf, folder),
  };
}

/** @throws CheckpointError when the shards are links into different folders: the engine maps weights from one */
export function requireOneFolder({ shards, source }: WeightFiles): void {
  const [first, ...others] = new Set(shards.map(({ file }) => dirname(file)));
  if (others.length > 0) {
    const folder = dirname(source);
    throw new CheckpointError(
      'unsupported',
      `${folder}: its shards are links into different folders (${first} and ${others[0]}), the engine maps them ` +
        'from one: put copies into a new folder, then name it: cp -rL . NEW_FOLDER',
    );
  }
}
