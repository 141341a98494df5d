import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseMask } from '@blockpruner/blocks';
import { prunedModel } from '@blockpruner/export';
import { SMOLLM2_GGUF, temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSource, searchedMask, testText, type TestText } from './case.ts';
import { LargestDifference } from './largest-difference.ts';
import { maskedNats } from './masked-nats.ts';
import { RuntimePool } from './runtime-pool.ts';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS, type Runtime } from './runtime-process.ts';
import { writeExportAs, writeInt4Export, type Form } from '../../tools/reference/runtimes/write-export-as.ts';

const FP16_NATS = 5e-3;
const EXACT_NATS = 1e-5;
/** Rounding to 4 bits is rough on a small model: this finds broken files. */
const INT4_NATS = 1;

const IN_FP16: readonly (readonly [Runtime, Form])[] = [
  ['transformers', 'hf'],
  ['genai', 'onnx'],
  ['llamacpp', 'gguf'],
];

const runtimes = new RuntimePool();
const largest = new LargestDifference();

afterAll(() => {
  runtimes.close();
  largest.print();
});

describe('exports of SmolLM2', () => {
  const source = openSource('smollm2', '');
  const text: TestText = { ...testText('smollm2'), greedyTokens: 4 };
  const twelve = searchedMask(12);
  let folder: TemporaryFolder;
  beforeEach(() => void (folder = temporaryFolder()));
  afterEach(() => folder.remove());

  it.each(IN_FP16)('lose little in fp16 in %s, as %s', async (runtime, form) => {
    const path = await writeExportAs(prunedModel(await source, twelve), form, 'fp16', folder.path);
    const { rowNats } = await runtimes.run(runtime, { model: path, ...text });
    const expected = await maskedNats(await source, twelve, text.rows);
    expect(largest.of(`${form} fp16 in ${runtime}`, rowNats, expected)).toBeLessThan(FP16_NATS);
  });

  it('have the logits of the quantized file bit for bit, where nothing is removed', async () => {
    const path = await writeExportAs(prunedModel(await source, []), 'gguf', 'source', folder.path);
    const exported = await runtimes.run('llamacpp', { model: path, ...text });
    const original = await runtimes.run('llamacpp', { model: SMOLLM2_GGUF, ...text });
    expect(exported.logitsHash).toBe(original.logitsHash);
  });

  it('run quantized, with blocks removed', async () => {
    const path = await writeExportAs(prunedModel(await source, twelve), 'gguf', 'source', folder.path);
    const { rowNats, cached } = await runtimes.run('llamacpp', { model: path, ...text });
    const expected = await maskedNats(await source, twelve, text.rows);
    // llama.cpp rounds activations to 8 bits there, so that this bounds llama.cpp more than the export.
    expect(largest.of('gguf Q4_1 in llamacpp', rowNats, expected)).toBeLessThan(0.1);
    expect(cached).toHaveLength(text.greedyTokens);
  });

  it('run in 4 bits in GenAI, dense and with blocks removed', async () => {
    for (const [mask, name] of [
      [[], 'dense'],
      [twelve, 'pruned'],
    ] as const) {
      const path = await writeInt4Export(prunedModel(await source, mask), join(folder.path, name));
      const { rowNats } = await runtimes.run('genai', { model: path, ...text });
      const expected = await maskedNats(await source, mask, text.rows);
      expect(largest.of(`onnx int4, ${name}, in genai`, rowNats, expected)).toBeLessThan(INT4_NATS);
    }
  });

  it('would be wrong in llama.cpp, which says nothing, without zeros in the place of a feed-forward block', async () => {
    const mask = parseMask('mlp.12+mlp.20');
    const path = await writeExportAs(prunedModel(await source, mask), 'gguf', 'fp32', folder.path);
    const wrong = join(folder.path, 'wrong.gguf');
    const script = join(RUNTIME_SCRIPTS, 'without_feed_forward.py');
    execFileSync(RUNTIMES_PYTHON, [script, path, wrong, '12'], { stdio: 'ignore' });
    const { rowNats } = await runtimes.run('llamacpp', { model: wrong, ...text });
    const withoutAttention = await maskedNats(await source, parseMask('mha.12+mlp.12+mlp.20'), text.rows);
    expect(largest.of('a layer of attention alone in llamacpp', rowNats, withoutAttention)).toBeLessThan(
      EXACT_NATS,
    );
    const [right] = await maskedNats(await source, mask, text.rows.slice(0, 1));
    expect(Math.abs(rowNats[0] - right)).toBeGreaterThan(0.01);
  });
});
