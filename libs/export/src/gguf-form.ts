import { layoutOf, LLAMA3_FREQ_FACTORS, type TensorLayout } from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';
import { deciLayers, type DeciLayers } from './deci-layers.ts';
import { isPlain, type PrunedModel } from './pruned-model.ts';

/** As what a model is written into a GGUF. */
export interface GgufForm {
  readonly architecture: 'llama' | 'qwen2' | 'deci';
  /** Of the tensors that the model has; what stands in for absent blocks comes on top. */
  readonly layout: TensorLayout;
  /** Null where all layers are alike. */
  readonly deci: DeciLayers | null;
  /** Whether the two rotary halves of each head of q and k are interleaved. */
  readonly interleavedRotary: boolean;
}

/**
 * The model's own architecture where every layer has both blocks and llama.cpp reads its scaling of the rope there; deci
 * otherwise, which is a Llama whose layers may lack a block.
 * @throws ExportError when llama.cpp reads nothing like the model
 */
export function ggufForm(model: PrunedModel): GgufForm {
  const { checkpoint, source } = model;
  const { modelType, rope, slidingWindowTokens, sourcePath } = source;
  if (slidingWindowTokens !== null) {
    throw new ExportError(
      `${sourcePath}: attends to a window of ${slidingWindowTokens} tokens, which a GGUF of this architecture cannot say: export --to hf --compat`,
    );
  }
  const { scaling } = rope;
  if (scaling.kind === 'llama3') {
    const { low, high } = LLAMA3_FREQ_FACTORS;
    if (scaling.lowFreqFactor !== low || scaling.highFreqFactor !== high) {
      throw new ExportError(
        `${sourcePath}: llama3 rope scaling with low_freq_factor ${scaling.lowFreqFactor} and high_freq_factor ${scaling.highFreqFactor} cannot be said in a GGUF, only ${low} and ${high}: export --to hf`,
      );
    }
  }
  const layout = layoutOf(checkpoint);
  const isQwen2 = modelType === 'qwen2';
  if (isPlain(model) && !(isQwen2 && scaling.kind === 'llama3')) {
    return {
      architecture: isQwen2 ? 'qwen2' : 'llama',
      layout,
      deci: null,
      interleavedRotary: !isQwen2,
    };
  }
  return {
    architecture: 'deci',
    // Whoever reads it has one switch for all four; a bias of zeros changes nothing.
    layout: { ...layout, biases: { ...layout.biases, o: layout.biases.qkv } },
    deci: deciLayers(checkpoint),
    interleavedRotary: true,
  };
}
