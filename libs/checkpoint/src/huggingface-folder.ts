import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { explainAbsentWeights } from './absent-weights.ts';
import { CheckpointError } from './checkpoint-error.ts';
import type { Checkpoint, ModelTensors } from './checkpoint.ts';
import { MAX_CONFIG_BYTES } from './config-file.ts';
import { floatDtype, locateFloats, readFloats } from './float-tensor.ts';
import { parseJsonObject, readWholeFile } from './file-bytes.ts';
import { fingerprintModel } from './fingerprint.ts';
import { readModelConfig, type ModelConfig } from './model-config.ts';
import {
  QUANTIZE_FILE,
  readQuantization,
  readQuantizeFile,
  type Quantization,
} from './quantization-config.ts';
import { layOutTensors, modelShape } from './tensor-layout.ts';
import { hasWeights, openWeightFiles, requireOneFolder, type WeightFiles } from './weight-shards.ts';

const CONFIG_FILE = 'config.json';

/** A Hugging Face folder with its config and the headers of its weights read; tensors are not yet matched to it. */
export interface ModelFolder {
  /** Absolute. */
  readonly folder: string;
  readonly configPath: string;
  /** The fields of config.json. */
  readonly configValues: Readonly<Record<string, unknown>>;
  readonly config: ModelConfig;
  readonly weights: WeightFiles;
  /** Null when the weights are plain floats. */
  readonly quantization: Quantization | null;
  /** The bytes of config.json, and of the file that says how the weights are quantized if that is another. */
  readonly configBytes: Uint8Array;
  /** Names of all files that the model is read from. */
  readonly fileNames: readonly string[];
}

async function readConfigBytes(folder: string): Promise<Uint8Array> {
  const path = join(folder, CONFIG_FILE);
  try {
    return await readWholeFile(path, MAX_CONFIG_BYTES);
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== 'not-found') throw error;
    const isLinkToNothing = await lstat(path).then(
      () => true,
      () => false,
    );
    if (isLinkToNothing) throw error;
    if (await hasWeights(folder)) {
      throw new CheckpointError('not-found', `${path}: does not exist: fetch that file of the model too`);
    }
    const explained = await explainAbsentWeights(folder, 'no config.json');
    if (explained.code === 'unsupported') throw explained;
    throw new CheckpointError(
      'not-found',
      `${path}: does not exist: name a Hugging Face folder or a .gguf file`,
    );
  }
}

function isPacked(weights: WeightFiles): boolean {
  return [...weights.tensors.keys()].some((name) => name.endsWith('.qweight'));
}

/**
 * Reads config.json and the headers of the weights. Nothing of the folder is ever run: a config whose `auto_map` names
 * code of the model's own is read as the plain architecture that its `model_type` names.
 * @throws CheckpointError when it is not a supported model
 */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const configPath = join(folder, CONFIG_FILE);
  const configBytes = await readConfigBytes(folder);
  const configValues = parseJsonObject(configBytes, configPath);
  const fields = { file: configPath, values: configValues };
  const config = readModelConfig(fields);
  const quantization = readQuantization(fields);
  const weights = await openWeightFiles(folder);
  const fileNames = [CONFIG_FILE, ...weights.fileNames];
  const read = { folder, configPath, configValues, config, weights };
  if (quantization !== null || !isPacked(weights)) return { ...read, quantization, configBytes, fileNames };
  const { quantization: packed, bytes } = await readQuantizeFile(folder);
  return {
    ...read,
    quantization: packed,
    configBytes: Buffer.concat([configBytes, bytes]),
    fileNames: [...fileNames, QUANTIZE_FILE],
  };
}

async function isZero(weights: WeightFiles, name: string): Promise<boolean> {
  const tensor = weights.tensors.get(name)!;
  const dtype = floatDtype(tensor);
  if (dtype === null) return false;
  for await (const values of readFloats({ ...tensor, dtype })) {
    if (values.some((value) => value !== 0)) return false;
  }
  return true;
}

/**
 * What config.json does not call for would silently be left out of the model: biases, and weights of its layers.
 * Some quantizers write a bias of zeros for every projection.
 */
async function refuseStrayTensors(
  { config, configPath, weights }: ModelFolder,
  names: ReadonlySet<string>,
): Promise<void> {
  const [layerPrefix] = config.names.mhaNorm.split('{layer}');
  for (const name of weights.tensors.keys()) {
    const [, module, kind] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
    if (module === undefined || names.has(name)) continue;
    const layer = name.startsWith(layerPrefix) ? Number.parseInt(name.slice(layerPrefix.length), 10) : NaN;
    if (!(layer < config.sizes.layerCount) && !names.has(`${module}.weight`)) continue;
    if (kind === 'bias' && (await isZero(weights, name))) continue;
    throw new CheckpointError(
      'unsupported',
      `${configPath}: says that there is no ${name.slice(0, 120)}, but the weights hold one`,
    );
  }
}

/**
 * Matches the tensors that config.json calls for to what the weights hold.
 * @param place finds one tensor
 * @throws CheckpointError when the weights hold others, which a model of that config would not use
 */
export async function matchTensors<T>(
  source: ModelFolder,
  place: (name: string, shape: readonly number[]) => T,
): Promise<ModelTensors<T>> {
  const names = new Set<string>();
  const tensors = layOutTensors(source.config, source.config.names, (name, shape) => {
    names.add(name);
    return place(name, shape);
  });
  await refuseStrayTensors(source, names);
  return tensors;
}

/**
 * Opens a folder whose weights are plain floats: they stay where they are.
 * @throws CheckpointError when the weights do not fit config.json
 */
export async function openFloatFolder(source: ModelFolder): Promise<Checkpoint> {
  const { config, folder, weights } = source;
  requireOneFolder(weights);
  const tensors = await matchTensors(source, (name, shape) => locateFloats(weights, name, shape));
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
    fingerprint: await fingerprintModel(source.configBytes, weights.shards),
  };
}

/**
 * Opens a folder of decoded weights.
 * @param folder absolute
 * @throws CheckpointError when it is damaged
 */
export async function openHuggingFaceFolder(folder: string): Promise<Checkpoint> {
  return openFloatFolder(await readModelFolder(folder));
}
