import type { Form } from '../../tools/reference/runtimes/write-export-as.ts';
import type { Runtime } from './runtime-process.ts';

/** The runtimes, each with the form of export that it runs. */
export const RUNTIME_FORMS: readonly (readonly [Runtime, Form])[] = [
  ['transformers', 'hf'],
  ['mlx', 'hf'],
  ['genai', 'onnx'],
  ['llamacpp', 'gguf'],
];
