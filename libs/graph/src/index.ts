/**
 * Checkpoint → ONNX: the evaluation graph of a search, and the decoder graph that generates text, written from the
 * onnx.proto schema. Weights stay in the checkpoint's own files as external data.
 */
export { buildDecoderGraph } from './decoder-graph.ts';
export type { DecoderOptions } from './decoder-graph.ts';
export { buildEvaluationGraph } from './evaluation-graph.ts';
export type { EvaluationGraph } from './evaluation-graph.ts';
export type { BlockDtype, GraphOptions } from './graph-options.ts';
export { buildMatmulGraph } from './matmul-graph.ts';
export { QUANTIZED_BLOCK_ELEMENTS, quantizedRow } from './quantized-nodes.ts';
export type { QuantizedTensor } from './quantized-nodes.ts';
export { ropeTables } from './rope-table.ts';
export type { RopeTables } from './rope-table.ts';
