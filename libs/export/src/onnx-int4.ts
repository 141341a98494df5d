import {
  layOutTensors,
  layoutOf,
  LLAMA_NAMES,
  tensorOf,
  type TensorLocation,
  type TensorRole,
} from '@blockpruner/checkpoint';
import { buildDecoderGraph, quantizedRow, type QuantizedTensor } from '@blockpruner/graph';
import { ExportError } from './export-error.ts';
import { genaiConfig, GRAPH_FILE } from './genai-config.ts';
import { smallFile, type ExportPlan } from './planned-file.ts';
import { placeTensors, tensorBytes, tensorFile, type PlannedTensor } from './planned-tensor.ts';
import { weightFactor, type PrunedModel } from './pruned-model.ts';
import { quantizeRows } from './quantized-blocks.ts';
import { floatRows, sourceTensor, type FloatRows, type FloatTensor } from './source-rows.ts';
import { tokenizerNotes } from './tokenizer-note.ts';

const WEIGHTS_FILE = `${GRAPH_FILE}.data`;
const ALIGNMENT_BYTES = 64;
const HEAD_NAME = 'lm_head.weight';
/** In four bits the head alone is a quarter of what SmolLM2-135M loses. */
const HEAD_BITS = 8;
const IN_BLOCKS: ReadonlySet<TensorRole['module']> = new Set(['q', 'k', 'v', 'o', 'gate', 'up', 'down']);

/** A matrix that is quantized, and what is written for it. */
interface Quantized {
  readonly rows: FloatRows;
  readonly bits: QuantizedTensor['bits'];
  readonly numbers: PlannedTensor;
  readonly scales: PlannedTensor;
}

/**
 * Plans a graph whose blocks multiply by 4-bit numbers and whose head by 8-bit ones, with all weights in a file of its
 * own. The embedding is fp16, norms and biases are fp32. A head that is the embedding is written a second time.
 * @throws ExportError when the model's files do not say which tokens end a text
 */
export async function planOnnxInt4(model: PrunedModel): Promise<ExportPlan> {
  const { checkpoint, factors, source } = model;
  const layout = layoutOf(checkpoint);
  const floats = new Map<string, FloatTensor>();
  const quantized = new Map<string, Quantized>();
  const visited = layOutTensors(layout, LLAMA_NAMES, (name, _, role): string => {
    const tensor = tensorOf(checkpoint, role)!;
    const factor = weightFactor(factors, role);
    if (role.part === 'weight' && IN_BLOCKS.has(role.module)) {
      quantized.set(name, quantizedTensor(name, floatRows(tensor, { factor }), 4));
    } else if (role.module !== 'head') {
      const dtype = role.module === 'embedding' ? 'float16' : 'float32';
      floats.set(name, sourceTensor(name, tensor, dtype, { factor }));
    }
    return name;
  });
  const headFactor = checkpoint.tiedHead ? factors.embedding : 1;
  quantized.set(
    HEAD_NAME,
    quantizedTensor(HEAD_NAME, floatRows(checkpoint.head, { factor: headFactor }), HEAD_BITS),
  );

  const parts = [...quantized.values()].flatMap(({ numbers, scales }) => [numbers, scales]);
  const tensors: PlannedTensor[] = [...floats.values(), ...parts];
  const { offsets } = placeTensors(tensors, ALIGNMENT_BYTES);
  const places = new Map(tensors.map((tensor, i) => [tensor, offsets[i]]));
  const matrices = new Map([...quantized].map(([name, of]) => [name, placed(name, of, places)]));
  const located = layOutTensors(layout, LLAMA_NAMES, (name): TensorLocation => {
    // Of a quantized matrix the graph takes the name alone.
    const tensor = floats.get(name) ?? floats.get(visited.finalNorm)!;
    const { dtype, shape } = tensor;
    const [offsetBytes, lengthBytes] = [places.get(tensor)!, tensorBytes(tensor)];
    return { name, dtype, shape, file: `/${WEIGHTS_FILE}`, offsetBytes, lengthBytes };
  });
  const { modelBytes } = buildDecoderGraph(
    { ...checkpoint, ...located },
    { quantized: matrices, quantizedHead: matrices.get(HEAD_NAME) },
  );
  return {
    files: [
      smallFile(GRAPH_FILE, modelBytes),
      tensorFile(WEIGHTS_FILE, new Uint8Array(), tensors, ALIGNMENT_BYTES),
      await genaiConfig(checkpoint, source.sourcePath),
    ],
    notes: await tokenizerNotes(source),
  };
}

function quantizedTensor(name: string, rows: FloatRows, bits: QuantizedTensor['bits']): Quantized {
  const { rowCount, rowElements } = rows;
  const { numbersBytes, scalesBytes } = quantizedRow(rowElements, bits);
  const part = (of: 'numbers' | 'scales', rowBytes: number): PlannedTensor => ({
    name: `${name}.${of}`,
    shape: [rowCount, rowBytes],
    rowCount,
    rowBytes,
    readRows: async (first, count) => {
      const found = quantizeRows(await rows.readFloats(first, count), rowElements, bits);
      if (found.scales.every(Number.isFinite)) return new Uint8Array(found[of].buffer);
      throw new ExportError(`tensor ${rows.name}: a value is not finite: the model itself is damaged`);
    },
  });
  return { rows, bits, numbers: part('numbers', numbersBytes), scales: part('scales', scalesBytes) };
}

function placed(
  name: string,
  { rows, bits, numbers, scales }: Quantized,
  places: ReadonlyMap<PlannedTensor, number>,
): QuantizedTensor {
  return {
    name,
    rows: rows.rowCount,
    columns: rows.rowElements,
    bits,
    file: WEIGHTS_FILE,
    numbersOffsetBytes: places.get(numbers)!,
    scalesOffsetBytes: places.get(scales)!,
  };
}
