import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { planGguf, planHuggingFace, planOnnx, writeExport, type PrunedModel } from '@blockpruner/export';

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
  if (form === 'gguf') {
    const plan = await planGguf(model, { type: GGUF_TYPES[dtype], card: CARD });
    await writeExport(output, plan, { identity: output });
    return join(output, plan.files.find(({ name }) => name.endsWith('.gguf'))!.name);
  }
  const plan = await planHuggingFace(model, { dtype: FLOATS[dtype], compat: false, card: CARD });
  await writeExport(output, plan, { identity: output });
  if (form === 'onnx') await addGraph(output, dtype);
  return output;
}

/** Adds to a folder what makes it one of ONNX Runtime GenAI. */
async function addGraph(folder: string, dtype: WrittenDtype): Promise<void> {
  const checkpoint = await openCheckpoint(folder, { cacheFolder: folder });
  const { files } = await planOnnx(checkpoint, { dtype: FLOATS[dtype] });
  for (const file of files) {
    await pipeline(Readable.from(file.read(0)), createWriteStream(join(folder, file.name)));
  }
}
