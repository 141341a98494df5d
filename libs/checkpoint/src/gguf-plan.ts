import type { TensorNames } from './architecture.ts';
import { CheckpointError } from './checkpoint-error.ts';
import type { DecodePlan } from './decoded-cache.ts';
import { ggufArchitecture, ggufConfig } from './gguf-config.ts';
import { decodeTensor } from './gguf-decode.ts';
import type { GgufTensor } from './gguf-header.ts';
import { readEqualLayers, readUnequalLayers } from './gguf-layers.ts';
import type { GgufModel } from './gguf-split.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { LIMITS } from './limits.ts';
import { readModelConfig } from './model-config.ts';
import type { TensorDescription } from './safetensors-writer.ts';
import { elementCount, layOutTensors } from './tensor-layout.ts';

/** The names of llama.cpp. */
export const GGUF_NAMES: TensorNames = {
  embedding: 'token_embd',
  mhaNorm: 'blk.{layer}.attn_norm',
  q: 'blk.{layer}.attn_q',
  k: 'blk.{layer}.attn_k',
  v: 'blk.{layer}.attn_v',
  o: 'blk.{layer}.attn_output',
  mlpNorm: 'blk.{layer}.ffn_norm',
  gate: 'blk.{layer}.ffn_gate',
  up: 'blk.{layer}.ffn_up',
  down: 'blk.{layer}.ffn_down',
  finalNorm: 'output_norm',
  head: 'output',
};

/** A tensor of the GGUF with what it becomes. */
interface PlannedTensor {
  readonly source: GgufTensor;
  readonly target: TensorDescription;
  /** Rows of one attention head where the rows of each head are permuted, else 0. */
  readonly permutedHeadRows: number;
}

/** Divisors of the rotary frequencies, `[headSize / 2]`; everything else in the file is a weight of the model. */
const ROPE_DIVISORS = 'rope_freqs.weight';

/** The values of `rope_freqs.weight`, or null when there is none. */
async function readRopeDivisors({ tensors }: GgufModel): Promise<Float32Array | null> {
  const source = tensors.get(ROPE_DIVISORS);
  if (source === undefined) return null;
  const maxLength = LIMITS.headSize.max / 2;
  if (source.shape.length !== 1 || elementCount(source.shape) > maxLength) {
    throw new CheckpointError(
      'wrong-shape',
      `${source.file}: ${ROPE_DIVISORS} has shape [${source.shape.join(', ')}]: expected at most ${maxLength} values`,
    );
  }
  const values: number[] = [];
  for await (const chunk of decodeTensor(source, 0)) values.push(...chunk);
  return Float32Array.from(values);
}

/** Finds the tensors that the metadata calls for, in the order of the layout; each other one must be in `besides`. */
function findSources(
  gguf: GgufModel,
  config: ReturnType<typeof readModelConfig>,
  besides: ReadonlySet<string>,
): GgufTensor[] {
  const sources: GgufTensor[] = [];
  layOutTensors(config, GGUF_NAMES, (name, shape) => {
    const source = gguf.tensors.get(name);
    if (source === undefined)
      throw new CheckpointError('missing-tensor', `${gguf.file}: tensor ${name} is missing`);
    if (source.shape.join() !== shape.join()) {
      throw new CheckpointError(
        'wrong-shape',
        `${source.file}: ${name} has shape [${source.shape.join(', ')}], its metadata says [${shape.join(', ')}]`,
      );
    }
    sources.push(source);
  });
  const placed = new Set([...sources.map(({ name }) => name), ...besides]);
  for (const [name, { file }] of gguf.tensors) {
    if (!placed.has(name)) {
      throw new CheckpointError(
        'unsupported',
        `${file}: tensor ${name} has no place in a plain ${config.modelType} model`,
      );
    }
  }
  return sources;
}

/**
 * What to write for a GGUF: config.json, the tokenizer's files, and each tensor under its Hugging Face name.
 * @throws CheckpointError when it is not a model that can be decoded
 */
export async function planDecode(gguf: GgufModel): Promise<DecodePlan> {
  const architecture = ggufArchitecture({ file: gguf.first.file, values: gguf.first.metadata });
  const readLayers = architecture.sizesByLayer ? readUnequalLayers : readEqualLayers;
  const layers = await readLayers(gguf, architecture.name);
  const divisors = architecture.ropeDivisors ? await readRopeDivisors(gguf) : null;
  const configValues = ggufConfig(gguf, layers, divisors);
  const config = readModelConfig({ file: gguf.file, values: configValues });
  const sources = findSources(
    gguf,
    config,
    new Set([...layers.standIns, ...(divisors ? [ROPE_DIVISORS] : [])]),
  );
  const tensors: PlannedTensor[] = [];
  layOutTensors(config, config.names, (name, shape) => {
    const source = sources[tensors.length];
    const permuted = architecture.interleavedRotary && /\.attn_[qk]\.(weight|bias)$/.test(source.name);
    const target = { name, dtype: 'float32', shape } as const;
    tensors.push({ source, target, permutedHeadRows: permuted ? config.sizes.headSize : 0 });
  });
  const { files } = ggufTokenizer(gguf.first, config.sizes.vocabSize);

  const textFiles = new Map([['config.json', Buffer.from(JSON.stringify(configValues, null, 1))]]);
  if (files !== null) {
    textFiles.set('tokenizer.json', Buffer.from(JSON.stringify(files.tokenizer)));
    textFiles.set('tokenizer_config.json', Buffer.from(JSON.stringify(files.tokenizerConfig)));
  }
  return {
    source: gguf.file,
    textFiles,
    tensors: tensors.map(({ target }) => target),
    decode: () => decodeAll(tensors),
  };
}

async function* decodeAll(tensors: readonly PlannedTensor[]): AsyncGenerator<Float32Array> {
  for (const { source, permutedHeadRows } of tensors) yield* decodeTensor(source, permutedHeadRows);
}
