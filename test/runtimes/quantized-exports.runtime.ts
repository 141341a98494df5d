import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { formatBlock, formatMask, type Mask } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { planHuggingFace, prunedModel, writeExport } from '@blockpruner/export';
import { SMOLLM2_GGUF } from '@blockpruner/testkit';
import { describe, expect, it } from 'vitest';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS } from '../../tools/reference/runtimes/runtimes-python.ts';
import { writeInt4Export, writeQ8Export } from '../../tools/reference/runtimes/write-export-as.ts';
import { CASES, openSource, searchedMask } from './case.ts';
import { maskedNats } from './masked-nats.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import type { RuntimeAnswer } from './runtime-process.ts';
import { testText } from './test-text.ts';
import { EXACT_NATS, QUANTIZED_NATS } from './tolerance.ts';

/** Rounding to 4 bits is rough on a small model: this finds broken files. */
const INT4_NATS = 1;

const { runtimes, largest, folder, runExport } = runtimeFixture();
const source = await openSource('smollm2', '');
const text = testText('smollm2', 64);
const dense = { mask: [], removed: 'nothing', reason: 'a copy' };
const pruned = CASES.filter(({ model }) => model === 'smollm2').map(({ mask, reason }) => ({
  mask,
  removed: formatMask(mask),
  reason,
}));

/** What llama.cpp computes of a quantized GGUF in which blocks have zeros for weights. */
function withZeros(gguf: string, mask: Mask): Promise<RuntimeAnswer> {
  const model = join(folder(), 'with-zeros.gguf');
  const script = join(RUNTIME_SCRIPTS, 'with_zero_blocks.py');
  execFileSync(RUNTIMES_PYTHON, [script, gguf, model, ...mask.map(formatBlock)]);
  return runtimes.run('llamacpp', { model, ...text });
}

describe('quantized exports of SmolLM2, held against the dense quantized file in the same runtime', () => {
  it.each([dense, ...pruned])(
    'have its logits in llama.cpp bit for bit, with zeros in it for $removed: $reason',
    async ({ mask }) => {
      const exported = await runExport('llamacpp', prunedModel(source, mask), 'gguf', 'source', text);
      expect(exported).toEqual(await withZeros(SMOLLM2_GGUF, mask));
      const expected = await maskedNats(source, mask, text.rows);
      expect(largest.of('gguf Q4_1 in llamacpp', exported.rowNats, expected)).toBeLessThan(QUANTIZED_NATS);
    },
  );

  it('have its logits in llama.cpp bit for bit in 8 bits, with zeros in it for twelve blocks', async () => {
    const mask = searchedMask(12);
    const model = await writeQ8Export(prunedModel(source, mask), join(folder(), 'pruned'));
    const exported = await runtimes.run('llamacpp', { model, ...text });
    const whole = await writeQ8Export(prunedModel(source, []), folder());
    expect(exported).toEqual(await withZeros(whole, mask));
    const expected = await maskedNats(source, mask, text.rows);
    expect(largest.of('gguf Q8_0 in llamacpp', exported.rowNats, expected)).toBeLessThan(QUANTIZED_NATS);
  });

  it('have its scores in GenAI in 4 bits, with zeros in it for twelve blocks', async () => {
    const twelve = prunedModel(source, searchedMask(12));
    const path = await writeInt4Export(twelve, join(folder(), 'pruned'));
    const { rowNats, ...texts } = await runtimes.run('genai', { model: path, ...text });
    const allLayers = join(folder(), 'all-layers');
    const plan = await planHuggingFace(twelve, { dtype: 'float32', compat: true, card: 'a test' });
    await writeExport(allLayers, plan, { identity: allLayers });
    const zeros = prunedModel(await openCheckpoint(allLayers, { cacheFolder: folder() }), []);
    const model = await writeInt4Export(zeros, join(folder(), 'zeros'));
    const expectedInt4 = await runtimes.run('genai', { model, ...text });
    expect(largest.of('onnx int4, to zeros, in genai', rowNats, expectedInt4.rowNats)).toBeLessThan(
      EXACT_NATS,
    );
    expect(texts.cached).toEqual(expectedInt4.cached);
    const expected = await maskedNats(source, searchedMask(12), text.rows);
    expect(largest.of('onnx int4, pruned, in genai', rowNats, expected)).toBeLessThan(INT4_NATS);
  });
});

it('is little worse in 4 bits in GenAI, with nothing removed', async () => {
  const path = await writeInt4Export(prunedModel(source, []), folder());
  const { rowNats } = await runtimes.run('genai', { model: path, ...text });
  const expected = await maskedNats(source, [], text.rows);
  expect(largest.of('onnx int4, dense, in genai', rowNats, expected)).toBeLessThan(INT4_NATS);
});
