import { createHash } from 'node:crypto';
import type { Checkpoint, TensorLocation } from './checkpoint.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { readFilesThatAre, TOKENIZER_FILES } from './companion-files.ts';
import { decodedFolder, ensureDecoded, type DecodeProgress } from './decoded-cache.ts';
import { fingerprintModel } from './fingerprint.ts';
import { locateFloats, readFloats } from './float-tensor.ts';
import { decodeFp8, locateFp8, type Fp8Weight } from './fp8-weights.ts';
import { matchTensors, openHuggingFaceFolder, type ModelFolder } from './huggingface-folder.ts';
import { decodePacked, isPackedWeight, locatePacked, type PackedWeight } from './packed-weights.ts';
import type { Quantization } from './quantization-config.ts';
import type { TensorDescription } from './safetensors-writer.ts';

type Source =
  | { readonly kind: 'floats'; readonly tensor: TensorLocation }
  | { readonly kind: 'fp8'; readonly tensor: Fp8Weight }
  | { readonly kind: 'packed'; readonly tensor: PackedWeight };

interface QuantizedTensor {
  readonly target: TensorDescription;
  readonly source: Source;
}

function locate(
  { weights }: ModelFolder,
  quantization: Quantization,
  name: string,
  shape: readonly number[],
): Source {
  if (quantization.method === 'fp8') {
    const tensor = shape.length === 2 ? locateFp8(weights, name, shape, quantization.block) : null;
    return tensor ? { kind: 'fp8', tensor } : { kind: 'floats', tensor: locateFloats(weights, name, shape) };
  }
  return isPackedWeight(weights, name)
    ? { kind: 'packed', tensor: locatePacked(weights, name, shape, quantization) }
    : { kind: 'floats', tensor: locateFloats(weights, name, shape) };
}

async function* decodeAll(tensors: readonly QuantizedTensor[]): AsyncGenerator<Float32Array> {
  for (const { source } of tensors) {
    if (source.kind === 'fp8') yield* decodeFp8(source.tensor);
    else if (source.kind === 'packed') yield* decodePacked(source.tensor);
    else yield* readFloats(source.tensor);
  }
}

/** A head that the weights hold and that config.json says there is none of would silently be left out. */
function refusePackedHead({ config, configPath, weights }: ModelFolder): void {
  const name = `${config.names.head}.qweight`;
  if (config.tiedHead && weights.tensors.has(name)) {
    throw new CheckpointError(
      'unsupported',
      `${configPath}: tie_word_embeddings says that the head is the embedding, but the weights hold ${name}: set it to false if the head is its own`,
    );
  }
}

async function textFiles({ folder, configValues }: ModelFolder): Promise<Map<string, Buffer>> {
  const config = { ...configValues, torch_dtype: 'float32' } as Record<string, unknown>;
  delete config.quantization_config;
  delete config.compression_config;
  delete config.dtype;
  const files = new Map<string, Buffer>([['config.json', Buffer.from(JSON.stringify(config, null, 1))]]);
  for (const [name, bytes] of await readFilesThatAre(folder, TOKENIZER_FILES)) files.set(name, bytes);
  return files;
}

/** The weights alone decide the fingerprint; with another tokenizer they must not share an entry of the cache. */
function hashOf(files: ReadonlyMap<string, Buffer>): string {
  const hash = createHash('sha256');
  for (const [name, bytes] of files) hash.update(`${name} ${bytes.length}\n`).update(bytes);
  return hash.digest('hex');
}

/**
 * Opens a folder of quantized weights by decoding them, once, into a folder of float32 in the cache.
 * @throws CheckpointError when they cannot be decoded, or the cache folder has too little space
 */
export async function openQuantizedFolder(
  source: ModelFolder,
  quantization: Quantization,
  cacheFolder: string,
  onProgress?: DecodeProgress,
): Promise<Checkpoint> {
  const tensors: QuantizedTensor[] = [];
  refusePackedHead(source);
  await matchTensors(source, (name, shape) => {
    tensors.push({
      target: { name, dtype: 'float32', shape },
      source: locate(source, quantization, name, shape),
    });
  });
  const fingerprint = await fingerprintModel(source.configBytes, source.weights.shards);
  const plan = {
    source: source.folder,
    textFiles: await textFiles(source),
    tensors: tensors.map(({ target }) => target),
    decode: () => decodeAll(tensors),
  };
  const entry = decodedFolder(cacheFolder, `${fingerprint} ${hashOf(plan.textFiles)}`);
  await ensureDecoded(entry, plan, onProgress);
  const decoded = await openHuggingFaceFolder(entry);
  return { ...decoded, sourcePath: source.folder, fingerprint };
}
