import { readdir } from 'node:fs/promises';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';

/** Short enough that an error keeps it whole after any path. */
const CONVERT =
  `python -c "import transformers as t;[c.from_pretrained('.').save_pretrained('safe')` +
  `for c in(t.AutoModelForCausalLM,t.AutoTokenizer)]"`;
const CONVERT_LEGACY =
  `python -c "import transformers as t;` +
  `t.AutoModelForCausalLM.from_pretrained('.',from_FRAMEWORK=True).save_pretrained('safe')"`;
const CONVERT_META =
  'python -m transformers.models.llama.convert_llama_weights_to_hf --input_dir . --output_dir safe';
const MERGE =
  `python -c "import peft;` +
  `peft.AutoPeftModelForCausalLM.from_pretrained('.').merge_and_unload().save_pretrained('safe')"`;

/** Files of weights that are not read, with what to do; the first that fits is the one that is told. */
const OTHER_WEIGHTS: readonly (readonly [RegExp, (file: string) => string])[] = [
  [
    /^pytorch_model.*\.bin(\.index\.json)?$/,
    (file) =>
      `its weights are in ${file}, a pickle, which can run code: run this in that folder, then name its subfolder "safe": ${CONVERT}`,
  ],
  [
    /^consolidated.*\.pth$/,
    (file) =>
      `its weights are in ${file}, the original Llama's form: run this there with transformers 4, then name "safe": ${CONVERT_META}`,
  ],
  [
    /^tf_model.*\.h5(\.index\.json)?$/,
    (file) =>
      `its weights are in ${file}, of TensorFlow: run this there with transformers 4, then name "safe": ${CONVERT_LEGACY.replace('FRAMEWORK', 'tf')}`,
  ],
  [
    /^flax_model.*\.msgpack(\.index\.json)?$/,
    (file) =>
      `its weights are in ${file}, of Flax: run this there with transformers 4, then name "safe": ${CONVERT_LEGACY.replace('FRAMEWORK', 'flax')}`,
  ],
  [
    /^adapter_model\.(safetensors|bin)$/,
    () => `holds an adapter only: merge it into its model there, then name the subfolder "safe": ${MERGE}`,
  ],
  [/\.gguf$/i, (file) => `is not a Hugging Face folder: name the file that is meant, e.g. ${file}`],
  [
    /^consolidated.*\.safetensors$/,
    (file) =>
      `its weights are in ${file}, under names of Mistral's own: fetch the files model*.safetensors of the same model`,
  ],
  [
    /^model-\d+-of-\d+\.safetensors$/,
    (file) =>
      `holds shards such as ${file}, but no model.safetensors.index.json: fetch that file of the model too`,
  ],
  [
    /\.safetensors$/,
    (file) => `has no model.safetensors: if ${file} holds the whole model, rename it to that`,
  ],
  [
    /\.(bin|pt|pth|ckpt)$/,
    (file) =>
      `${file} is a pickle, which can run code: load it in the program that wrote it, and write the model with save_pretrained`,
  ],
  [
    /\.onnx$/,
    (file) =>
      `its weights are those of the graph ${file}, which generate and bench run: name the model that it was made of`,
  ],
];

/**
 * Why a folder has no weights that can be read, with the way out: what other form they are in, if any.
 * @param absent what was looked for
 */
export async function explainAbsentWeights(folder: string, absent: string): Promise<CheckpointError> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    throw fromFileSystem(error, folder);
  }
  for (const [pattern, advice] of OTHER_WEIGHTS) {
    const file = names.find((name) => pattern.test(name));
    if (file !== undefined) {
      return new CheckpointError('unsupported', `${folder}: ${advice(file.slice(0, 80))}`);
    }
  }
  return new CheckpointError(
    'not-found',
    `${folder}: has ${absent}: name a folder that holds config.json and model.safetensors, or a .gguf file`,
  );
}
