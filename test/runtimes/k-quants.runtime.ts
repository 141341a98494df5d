import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseMask, type Mask } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { prunedModel } from '@blockpruner/export';
import { TINY_MODELS, tinyReferenceRows, writeTinyModel } from '@blockpruner/testkit';
import { describe, expect, it } from 'vitest';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS } from '../../tools/reference/runtimes/runtimes-python.ts';
import { writeExportAs } from '../../tools/reference/runtimes/write-export-as.ts';
import { openSource, searchedMask } from './case.ts';
import { maskedNats } from './masked-nats.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import { testText } from './test-text.ts';
import { EXACT_NATS, QUANTIZED_NATS } from './tolerance.ts';

const { runtimes, largest, folder } = runtimeFixture();

describe('a GGUF that llama.cpp quantized, with blocks removed', () => {
  /** Rows of 256 weights and more, which K-quants need. */
  async function tinyModel(): Promise<Checkpoint> {
    const sizes = { hiddenSize: 256, intermediateSize: 512, headCount: 4, kvHeadCount: 2, headSize: 64 };
    const path = join(folder(), 'model');
    await writeTinyModel(path, { ...TINY_MODELS['llama-gqa-untied'], ...sizes });
    return openCheckpoint(path, { cacheFolder: folder() });
  }

  async function quantized(source: Checkpoint, fileType: string): Promise<Checkpoint> {
    const wide = await writeExportAs(prunedModel(source, []), 'gguf', 'fp32', folder());
    const path = join(folder(), `${fileType}.gguf`);
    const script = join(RUNTIME_SCRIPTS, 'quantize_llamacpp.py');
    execFileSync(RUNTIMES_PYTHON, [script, wide, path, fileType], { stdio: 'ignore' });
    return openCheckpoint(path, { cacheFolder: folder() });
  }

  const logits = async (model: string, rows: readonly Int32Array[]) =>
    runtimes.run('llamacpp', { model, rows, prompt: rows[0].subarray(0, 16), greedyTokens: 1 });

  async function expectPruned(
    source: Checkpoint,
    fileType: string,
    mask: Mask,
    rows: readonly Int32Array[],
  ): Promise<void> {
    const expected = await maskedNats(source, mask, rows);
    const pruned = prunedModel(source, mask);
    const copied = await logits(await writeExportAs(pruned, 'gguf', 'source', folder()), rows);
    const name = `gguf ${fileType} in llamacpp`;
    expect(largest.of(name, copied.rowNats, expected)).toBeLessThan(QUANTIZED_NATS);
    const wide = await logits(await writeExportAs(pruned, 'gguf', 'fp32', join(folder(), 'wide')), rows);
    expect(largest.of(`${name}, decoded to F32`, wide.rowNats, expected)).toBeLessThan(EXACT_NATS);
  }

  it.each(['Q4_K_S', 'Q4_K_M', 'Q5_K_M', 'Q6_K'])(
    'scores, of a tiny model in %s, as in a search',
    async (type) => {
      const source = await quantized(await tinyModel(), type);
      const rows = tinyReferenceRows('llama-gqa-untied');
      const dense = await writeExportAs(prunedModel(source, []), 'gguf', 'source', join(folder(), 'dense'));
      const [ofExport, ofSource] = [await logits(dense, rows), await logits(source.sourcePath, rows)];
      expect(ofExport.logitsHash).toBe(ofSource.logitsHash);
      await expectPruned(source, type, parseMask('mha.0+mlp.1'), rows);
    },
  );

  it('scores, of SmolLM2 in Q4_K_M without twelve blocks, as in a search', async () => {
    const source = await quantized(await openSource('smollm2', ''), 'Q4_K_M');
    await expectPruned(source, 'Q4_K_M', searchedMask(12), testText('smollm2', 1).rows);
  });
});
