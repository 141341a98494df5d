import { z } from 'zod';
import { EXPECTED, wholeNumber, type Setting } from './setting-schema.ts';

/** Options of what is exported, and in which form. */
export const EXPORT_OPTIONS = {
  at: {
    key: 'at',
    metavar: 'k',
    description:
      'export the model without so many blocks, those of a start mask among them (default: all that the run removed)',
    group: 'Export',
    schema: wholeNumber(0, 100_000).describe(EXPECTED.count),
  },
  to: {
    key: 'to',
    metavar: 'format',
    description:
      'hf: Hugging Face folder; onnx: that with a graph for ONNX Runtime GenAI; gguf: file for llama.cpp; mask: lists of the removed blocks',
    group: 'Export',
    default: 'hf',
    schema: z.enum(['hf', 'onnx', 'gguf', 'mask']).describe('hf, onnx, gguf or mask'),
  },
  exportDtype: {
    key: 'dtype',
    metavar: 'type',
    description:
      "of the weights that are written: auto (the source's; fp32 where that is quantized, but a GGUF stays as it is as a GGUF), fp32, fp16, bf16, q8_0 (gguf) or int4 (onnx)",
    group: 'Export',
    default: 'auto',
    schema: z
      .enum(['auto', 'fp32', 'fp16', 'bf16', 'q8_0', 'int4'])
      .describe('auto, fp32, fp16, bf16, q8_0 or int4'),
  },
  compat: {
    key: 'compat',
    description:
      'of hf: keep the architecture with all its layers, and zeros in the place of removed blocks: runs anywhere, no faster',
    group: 'Export',
    schema: z.boolean().describe('true or false'),
  },
  heal: {
    key: 'heal',
    description:
      'scale what remains to the magnitude that removed blocks gave it (arXiv 2507.18212), and say what that does on other rows',
    group: 'Export',
    schema: z.boolean().describe('true or false'),
  },
  skipCheck: {
    key: 'no-check',
    description: 'do not score the export before it gets its name',
    group: 'Export',
    schema: z.boolean().describe('true or false'),
  },
} as const satisfies Record<string, Setting>;
