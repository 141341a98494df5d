import { join } from 'node:path';
import { CheckpointError } from './checkpoint-error.ts';
import type { Checkpoint, TensorLocation } from './checkpoint.ts';
import type { Dtype } from './dtype.ts';
import { parseJsonObject, readWholeFile } from './file-bytes.ts';
import { fingerprintModel } from './fingerprint.ts';
import { readModelConfig } from './model-config.ts';
import { layOutTensors, modelShape } from './tensor-layout.ts';
import { openWeightFiles, type WeightFiles } from './weight-shards.ts';

const MAX_CONFIG_BYTES = 2 ** 20;

const DTYPES: Readonly<Record<string, Dtype>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

function locateTensor(weights: WeightFiles, name: string, shape: readonly number[]): TensorLocation {
  const { shard, entry } = weights.locate(name);
  const dtype = Object.hasOwn(DTYPES, entry.dtype) ? DTYPES[entry.dtype] : null;
  if (dtype === null) {
    throw new CheckpointError(
      'unsupported',
      `${shard.file}: tensor ${name} has dtype ${entry.dtype.slice(0, 20)}: supported are ${Object.keys(DTYPES).join(', ')}`,
    );
  }
  if (entry.shape.join() !== shape.join()) {
    throw new CheckpointError(
      'wrong-shape',
      `${shard.file}: ${name} has shape [${entry.shape.join(', ')}], config.json says [${shape.join(', ')}]`,
    );
  }
  const { offsetBytes, lengthBytes } = entry;
  return { name, file: shard.file, offsetBytes, lengthBytes, dtype, shape };
}

/** A bias that config.json does not call for would silently be left out of the model. */
function refuseStrayBiases(weights: WeightFiles, names: ReadonlySet<string>, configPath: string): void {
  for (const name of names) {
    const bias = name.replace(/\.weight$/, '.bias');
    if (!names.has(bias) && weights.has(bias)) {
      throw new CheckpointError(
        'unsupported',
        `${configPath}: says that there is no ${bias}, but the weights hold one`,
      );
    }
  }
}

/**
 * Opens a Hugging Face folder: config.json, and weights in one safetensors file or in shards.
 * @param folder absolute
 * @throws CheckpointError when it is not a supported model, or the weights do not fit config.json
 */
export async function openHuggingFaceFolder(folder: string): Promise<Checkpoint> {
  const configPath = join(folder, 'config.json');
  const configBytes = await readWholeFile(configPath, MAX_CONFIG_BYTES);
  const config = readModelConfig({ file: configPath, values: parseJsonObject(configBytes, configPath) });
  const weights = await openWeightFiles(folder);
  const names = new Set<string>();
  const tensors = layOutTensors(config, config.names, (name, shape) => {
    names.add(name);
    return locateTensor(weights, name, shape);
  });
  refuseStrayBiases(weights, names, configPath);
  return {
    sourcePath: folder,
    folder,
    format: 'huggingface',
    modelType: config.modelType,
    shape: modelShape(config),
    normEpsilon: config.normEpsilon,
    rope: config.rope,
    slidingWindowTokens: config.slidingWindowTokens,
    maxPositionTokens: config.maxPositionTokens,
    tiedHead: config.tiedHead,
    ...tensors,
    fingerprint: await fingerprintModel(configBytes, weights.shards),
    tokenizerNote: null,
  };
}
