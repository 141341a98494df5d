import { readBoundaryTokens, type Checkpoint } from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';
import { smallFile, type PlannedFile } from './planned-file.ts';

/** Name of the graph in the folder of an export. */
export const GRAPH_FILE = 'model.onnx';

/** Weights in 16 bits are cast while the graph is loaded; by default a cast of 1 GiB is made at every step. */
const FOLD_EVERY_CAST = { 'optimization.constant_folding_max_output_size_in_bytes': '0' };

/** onnxruntime-genai reserves keys and values for as many tokens as a text may have, unless it is told otherwise. */
const MAX_TEXT_TOKENS = 4096;

/**
 * The genai_config.json that onnxruntime-genai runs a decoder graph by. To it every model is a llama: what is computed
 * is in the graph, the number of caches in the names of its inputs.
 * @param modelPath where the tokens that begin and end a text are read
 * @throws ExportError when the model's files do not say which tokens end a text
 */
export async function genaiConfig(checkpoint: Checkpoint, modelPath: string): Promise<PlannedFile> {
  const { shape, layers, maxPositionTokens } = checkpoint;
  const { beginning, ends } = await readBoundaryTokens(modelPath);
  if (ends.length === 0) {
    throw new ExportError(
      `${modelPath}: no eos_token_id in config.json or generation_config.json, and onnxruntime-genai needs one: add it there`,
    );
  }
  const config = {
    model: {
      type: 'llama',
      bos_token_id: beginning ?? ends[0],
      eos_token_id: ends.length === 1 ? ends[0] : ends,
      pad_token_id: ends[0],
      context_length: maxPositionTokens,
      vocab_size: shape.vocabSize,
      decoder: {
        session_options: FOLD_EVERY_CAST,
        filename: GRAPH_FILE,
        head_size: shape.headSize,
        hidden_size: shape.hiddenSize,
        num_attention_heads: shape.headCount,
        num_key_value_heads: shape.kvHeadCount,
        num_hidden_layers: layers.filter(({ mha }) => mha !== null).length,
        inputs: {
          input_ids: 'input_ids',
          attention_mask: 'attention_mask',
          past_key_names: 'past_key_values.%d.key',
          past_value_names: 'past_key_values.%d.value',
        },
        outputs: {
          logits: 'logits',
          present_key_names: 'present.%d.key',
          present_value_names: 'present.%d.value',
        },
      },
    },
    search: {
      do_sample: false,
      max_length: Math.min(maxPositionTokens, MAX_TEXT_TOKENS),
      num_beams: 1,
      past_present_share_buffer: true,
    },
  };
  return smallFile('genai_config.json', `${JSON.stringify(config, null, 2)}\n`);
}
