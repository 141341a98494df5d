import type { TensorNames } from './architecture.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { ggufConfig } from './gguf-config.ts';
import type { GgufFile, GgufTensor } from './gguf-header.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { readModelConfig } from './model-config.ts';
import { encodeSafetensorsHeader, tensorBytes, type TensorDescription } from './safetensors-writer.ts';
import { layOutTensors } from './tensor-layout.ts';

const GGUF_NAMES: TensorNames = {
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

export interface PlannedTensor {
  readonly source: GgufTensor;
  readonly target: TensorDescription;
  /** Rows of one attention head where the rows of each head are permuted, else 0. */
  readonly permutedHeadRows: number;
}

/** The Hugging Face folder that a GGUF decodes to, but for the weights' values. */
export interface DecodePlan {
  /** config.json and the tokenizer's files, by name. */
  readonly textFiles: ReadonlyMap<string, Buffer>;
  readonly weightsHeader: Buffer;
  /** In file order; every tensor is float32. */
  readonly tensors: readonly PlannedTensor[];
  /** Size of model.safetensors. */
  readonly weightsBytes: number;
  readonly tokenizerNote: string | null;
}

/** Checks that the GGUF holds exactly the tensors that its metadata calls for, and pairs their names. */
function pairTensors(gguf: GgufFile, config: ReturnType<typeof readModelConfig>): PlannedTensor[] {
  const sources: GgufTensor[] = [];
  layOutTensors(config, GGUF_NAMES, (name, shape) => {
    const source = gguf.tensors.get(name);
    if (source === undefined)
      throw new CheckpointError('missing-tensor', `${gguf.file}: tensor ${name} is missing`);
    if (source.shape.join() !== shape.join()) {
      throw new CheckpointError(
        'wrong-shape',
        `${gguf.file}: ${name} has shape [${source.shape.join(', ')}], its metadata says [${shape.join(', ')}]`,
      );
    }
    sources.push(source);
  });
  if (sources.length < gguf.tensors.size) {
    const used = new Set(sources.map(({ name }) => name));
    const extra = [...gguf.tensors.keys()].find((name) => !used.has(name));
    throw new CheckpointError(
      'unsupported',
      `${gguf.file}: tensor ${extra} has no place in a plain llama model`,
    );
  }
  const planned: PlannedTensor[] = [];
  layOutTensors(config, config.names, (name, shape) => {
    const source = sources[planned.length];
    const permuted = /\.attn_[qk]\.weight$/.test(source.name);
    const target = { name, dtype: 'float32', shape } as const;
    planned.push({ source, target, permutedHeadRows: permuted ? config.sizes.headSize : 0 });
  });
  return planned;
}

/** @throws CheckpointError when the GGUF is not a llama model that can be decoded */
export function planDecode(gguf: GgufFile): DecodePlan {
  const configValues = ggufConfig(gguf);
  const config = readModelConfig({ file: gguf.file, values: configValues });
  const tensors = pairTensors(gguf, config);
  const { files, note } = ggufTokenizer(gguf, config.sizes.vocabSize);

  const textFiles = new Map([['config.json', Buffer.from(JSON.stringify(configValues, null, 1))]]);
  if (files !== null) {
    textFiles.set('tokenizer.json', Buffer.from(JSON.stringify(files.tokenizer)));
    textFiles.set('tokenizer_config.json', Buffer.from(JSON.stringify(files.tokenizerConfig)));
  }
  const targets = tensors.map(({ target }) => target);
  const weightsHeader = encodeSafetensorsHeader(targets);
  return {
    textFiles,
    weightsHeader,
    tensors,
    weightsBytes: targets.reduce((sum, target) => sum + tensorBytes(target), weightsHeader.length),
    tokenizerNote: note,
  };
}
