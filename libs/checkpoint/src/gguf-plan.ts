import type { TensorNames } from './architecture.ts';
import { CheckpointError } from './checkpoint-error.ts';
import type { DecodePlan } from './decoded-cache.ts';
import { ggufConfig } from './gguf-config.ts';
import { decodeTensor } from './gguf-decode.ts';
import type { GgufFile, GgufTensor } from './gguf-header.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { readModelConfig } from './model-config.ts';
import type { TensorDescription } from './safetensors-writer.ts';
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

/** A tensor of the GGUF with what it becomes. */
interface PlannedTensor {
  readonly source: GgufTensor;
  readonly target: TensorDescription;
  /** Rows of one attention head where the rows of each head are permuted, else 0. */
  readonly permutedHeadRows: number;
}

/** A plan, and why it has no tokenizer.json; null when it has one. */
export interface GgufPlan extends DecodePlan {
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
export function planDecode(gguf: GgufFile): GgufPlan {
  const configValues = ggufConfig(gguf);
  const config = readModelConfig({ file: gguf.file, values: configValues });
  const tensors = pairTensors(gguf, config);
  const { files, note } = ggufTokenizer(gguf, config.sizes.vocabSize);

  const textFiles = new Map([['config.json', Buffer.from(JSON.stringify(configValues, null, 1))]]);
  if (files !== null) {
    textFiles.set('tokenizer.json', Buffer.from(JSON.stringify(files.tokenizer)));
    textFiles.set('tokenizer_config.json', Buffer.from(JSON.stringify(files.tokenizerConfig)));
  }
  return {
    source: gguf.file,
    textFiles,
    tensors: tensors.map(({ target }) => target),
    decode: () => decodeAll(gguf.file, tensors),
    tokenizerNote: note,
  };
}

async function* decodeAll(file: string, tensors: readonly PlannedTensor[]): AsyncGenerator<Float32Array> {
  for (const { source, permutedHeadRows } of tensors) yield* decodeTensor(file, source, permutedHeadRows);
}
