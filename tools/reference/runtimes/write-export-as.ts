import { join } from 'node:path';
import { openCheckpoint } from '@blockpruner/checkpoint';
import {
  planGguf,
  planHuggingFace,
  planOnnx,
  planOnnxInt4,
  writeExport,
  type GgufOptions,
  type PrunedModel,
} from '@blockpruner/export';

export type Form = 'hf' | 'onnx' | 'gguf';
export type WrittenDtype = 'source' | 'fp32' | 'fp16';

const FLOATS = { source: 'source', fp32: 'float32', fp16: 'float16' } as const;
const GGUF_TYPES = { source: 'source', fp32: 'f32', fp16: 'f16' } as const;
const CARD = 'a test';

/** Writes an export below a folder. @returns what a runtime opens: the folder, or the .gguf in it */
export async function writeExportAs(
  model: PrunedModel,
  form: Form,
  dtype: WrittenDtype,
  folder: string,
): Promise<string> {
  const output = join(folder, `${form}-${dtype}`);
  if (form === 'gguf') return writeGguf(model, GGUF_TYPES[dtype], output);
  const plan = await planHuggingFace(model, { dtype: FLOATS[dtype], compat: false, card: CARD });
  await writeExport(output, plan, {
    identity: output,
    ...(form === 'onnx' && {
      following: async (path: string) =>
        planOnnx(await openCheckpoint(path, { cacheFolder: folder }), { dtype: FLOATS[dtype] }),
    }),
  });
  return output;
}

/** Writes a GGUF in 8 bits. @returns the file */
export function writeQ8Export(model: PrunedModel, folder: string): Promise<string> {
  return writeGguf(model, 'q8_0', join(folder, 'gguf-q8_0'));
}

async function writeGguf(model: PrunedModel, type: GgufOptions['type'], output: string): Promise<string> {
  const plan = await planGguf(model, { type, card: CARD });
  await writeExport(output, plan, { identity: output });
  return join(output, plan.files.find(({ name }) => name.endsWith('.gguf'))!.name);
}

/** Writes an ONNX export in 4 bits. @returns its folder */
export async function writeInt4Export(model: PrunedModel, folder: string): Promise<string> {
  const output = join(folder, 'onnx-int4');
  await writeExport(output, await planOnnxInt4(model), { identity: output });
  return output;
}
