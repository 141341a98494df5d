import type { Checkpoint, Dtype } from '@blockpruner/checkpoint';
import { buildDecoderGraph } from '@blockpruner/graph';
import { genaiConfig, GRAPH_FILE } from './genai-config.ts';
import { smallFile, type ExportPlan } from './planned-file.ts';

/**
 * Plans what makes a Hugging Face folder one that onnxruntime-genai and onnxruntime run too: a graph whose weights are
 * those of the folder's own safetensors, so that they are stored once.
 *
 * Blocks compute in fp16, with keys and values in fp16, where that is what the weights are stored in, and in fp32
 * otherwise: onnxruntime has no bf16 matrix product for CPUs.
 * @param checkpoint the folder, opened where it is
 * @param dtype what its weights are stored in; `source` where each is stored as in the source
 * @throws ExportError when the folder does not say which tokens end a text
 */
export async function planOnnx(
  checkpoint: Checkpoint,
  { dtype }: { readonly dtype: 'source' | Dtype },
): Promise<ExportPlan> {
  const stored = dtype === 'source' ? checkpoint.embedding.dtype : dtype;
  const { modelBytes } = buildDecoderGraph(checkpoint, {
    dtype: stored === 'float16' ? 'float16' : 'float32',
  });
  return {
    files: [smallFile(GRAPH_FILE, modelBytes), await genaiConfig(checkpoint, checkpoint.folder)],
    notes: [],
  };
}
