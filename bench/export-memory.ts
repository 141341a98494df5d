import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { encodeSafetensorsHeader, layOutTensors, LLAMA_NAMES, type Dtype } from '@blockpruner/checkpoint';
import { formatBytes } from '@blockpruner/telemetry';
import type { Benchmark } from './benchmark.ts';
import type { ExportFigures, ExportRequest } from './export-process.ts';
import { fixed, tableOf } from './figures.ts';
import { BENCH_CACHE } from './models.ts';
import { progress } from './progress.ts';

const WAYS: readonly { readonly name: string; readonly mask: string; readonly dtype: 'source' | Dtype }[] = [
  { name: 'bytes copied', mask: 'mha.1+mlp.1', dtype: 'source' },
  { name: 'blocks lacking, to fp16', mask: 'mha.1', dtype: 'float16' },
];

export const exportMemoryBenchmark: Benchmark = {
  summary: `Peak memory and time of writing a pruned model as a Hugging Face folder, each in a process of its own. The source
is bf16 zeros in a file of holes, of the sizes of Llama-2-7B's layers.`,
  options: {
    layers: { placeholder: '<n>', description: 'layers of the model, 405 MB each', value: '9', quick: '2' },
    hidden: {
      placeholder: '<n>',
      description: 'hidden size, a multiple of 128',
      value: '4096',
      quick: '128',
    },
    folder: {
      placeholder: '<path>',
      description: 'where the exports are written and removed again; default .cache/bench',
      value: '',
    },
  },
  examples: ['export-memory --json export.json', 'export-memory --layers 32 --folder /mnt/large'],
  async run(options) {
    const parent = resolve(options.text('folder') || BENCH_CACHE);
    mkdirSync(parent, { recursive: true });
    const folder = mkdtempSync(join(parent, 'export-'));
    try {
      const source = join(folder, 'source');
      mkdirSync(source);
      const sourceBytes = await writeSparseModel(
        source,
        options.integer('layers', 2),
        options.integer('hidden', 128),
      );
      const results: (ExportFigures & { readonly way: string })[] = [];
      for (const { name, ...way } of WAYS) {
        progress(`${name}: ${formatBytes(sourceBytes)}`);
        const output = join(folder, 'output');
        results.push({ way: name, ...(await measure({ source, output, ...way })) });
        rmSync(output, { recursive: true });
      }
      const table = tableOf(results, {
        export: ({ way }) => way,
        written: ({ writtenBytes }) => formatBytes(writtenBytes),
        'peak of the process': ({ peakBytes }) => formatBytes(peakBytes),
        'before writing': ({ idleBytes }) => formatBytes(idleBytes),
        s: ({ seconds }) => fixed(seconds, 1),
        'MB/s': ({ writtenBytes, seconds }) => fixed(writtenBytes / 1e6 / seconds, 0),
        'calls of progress': ({ progressCalls }) => progressCalls,
      });
      const notes = [
        'The peak does not grow with the model: a few MiB of a tensor are in memory at a time. Wanted: below 1 GB.',
      ];
      return { results, findings: [{ title: 'Writing an export', table, notes }] };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A Llama model of which the disk holds config and header only. @returns the size that its weights have */
async function writeSparseModel(folder: string, layerCount: number, hiddenSize: number): Promise<number> {
  const sizes = {
    layerCount,
    hiddenSize,
    intermediateSize: Math.ceil((hiddenSize * 8) / 3 / 256) * 256,
    headCount: hiddenSize / 128,
    kvHeadCount: hiddenSize / 128,
    headSize: 128,
    vocabSize: 32000,
  };
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: hiddenSize,
    intermediate_size: sizes.intermediateSize,
    max_position_embeddings: 4096,
    num_attention_heads: sizes.headCount,
    num_hidden_layers: layerCount,
    num_key_value_heads: sizes.kvHeadCount,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    torch_dtype: 'bfloat16',
    vocab_size: sizes.vocabSize,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const tensors: { name: string; dtype: Dtype; shape: readonly number[] }[] = [];
  const layout = { biases: { qkv: false, o: false, mlp: false }, sizes, tiedHead: false };
  layOutTensors(layout, LLAMA_NAMES, (name, shape) => tensors.push({ name, dtype: 'bfloat16', shape }));
  const header = encodeSafetensorsHeader(tensors);
  const elements = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  const handle = await open(join(folder, 'model.safetensors'), 'w');
  await handle.writeFile(header);
  await handle.truncate(header.length + 2 * elements);
  await handle.close();
  return header.length + 2 * elements;
}

async function measure(request: ExportRequest): Promise<ExportFigures> {
  const child = fork(join(import.meta.dirname, 'export-process.ts'), [JSON.stringify(request)]);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the export ended with exit code ${code}`);
  });
  const [figures] = (await Promise.race([once(child, 'message'), ended])) as [ExportFigures];
  return figures;
}
