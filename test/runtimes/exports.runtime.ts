import { DENSE, formatBlock, formatMask, parseMask } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { prunedModel, type PrunedModel } from '@blockpruner/export';
import { SMOLLM2_GGUF, temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeExportAs } from '../../tools/reference/runtimes/write-export-as.ts';
import { CASES, openSource } from './case.ts';
import { maskedNats } from './masked-nats.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import { RUNTIME_FORMS } from './runtime-form.ts';
import type { RuntimeAnswer } from './runtime-process.ts';
import { testText } from './test-text.ts';
import { EXACT_NATS, FP16_NATS } from './tolerance.ts';

const GREEDY_TOKENS = 64;
/** What the removed blocks of every case at least do to some row, nats. */
const LEAST_EFFECT_NATS = 1e-2;

const { runtimes, largest, folder, runExport } = runtimeFixture();

describe.each(CASES.map((each) => ({ ...each, removed: formatMask(each.mask) })))(
  '$model without $removed: $reason',
  ({ model, mask }) => {
    const text = testText(model, GREEDY_TOKENS);
    let sourceFolder: TemporaryFolder;
    let pruned: PrunedModel;
    let dense: number[];
    /** What a search computes, which passes the blocks by in the source. */
    let expected: number[];
    /** PyTorch on the source, where the blocks write zeros: nothing of ours but the list of blocks. */
    let independent: RuntimeAnswer;

    beforeAll(async () => {
      sourceFolder = temporaryFolder();
      const source = await openSource(model, sourceFolder.path);
      pruned = prunedModel(source, mask);
      dense = await maskedNats(source, DENSE, text.rows);
      expected = await maskedNats(source, mask, text.rows);
      const original = model === 'smollm2' ? SMOLLM2_GGUF : source.folder;
      const removed = mask.map(formatBlock);
      independent = await runtimes.run('transformers', { model: original, removed, ...text });
    });
    afterAll(() => sourceFolder.remove());

    it('scores in a search as in PyTorch, and not as all of the model', () => {
      const name = 'a search, to transformers on the source';
      expect(largest.of(name, independent.rowNats, expected)).toBeLessThan(EXACT_NATS);
      expect(independent.generated).toEqual(independent.cached);
      expect(independent.uncached).toEqual(independent.cached);
      const effects = dense.map((nats, row) => Math.abs(nats - expected[row]));
      expect(Math.max(...effects)).toBeGreaterThan(LEAST_EFFECT_NATS);
    });

    it.each(RUNTIME_FORMS)('is the same model in %s, as %s in fp32', async (runtime, form) => {
      const { rowNats, ...texts } = await runExport(runtime, pruned, form, 'fp32', text);
      expect(largest.of(`${form} fp32 in ${runtime}`, rowNats, expected)).toBeLessThan(EXACT_NATS);
      expect(texts.generated).toEqual(independent.cached);
      expect(texts.cached).toEqual(independent.cached);
      expect(texts.uncached).toEqual(independent.cached);
    });

    it.each(RUNTIME_FORMS)('loses little in fp16 in %s, as %s', async (runtime, form) => {
      const { rowNats } = await runExport(runtime, pruned, form, 'fp16', { ...text, greedyTokens: 1 });
      expect(largest.of(`${form} fp16 in ${runtime}`, rowNats, expected)).toBeLessThan(FP16_NATS);
    });
  },
);

it('can be pruned again: an export of an export is the model without both lists of blocks', async () => {
  const text = testText('llama3-rope', 1);
  const source = await openSource('llama3-rope', folder());
  const first = prunedModel(source, parseMask('mlp.0+mlp.2'));
  const path = await writeExportAs(first, 'hf', 'fp32', `${folder()}/first`);
  const again = await openCheckpoint(path, { cacheFolder: folder() });
  const second = prunedModel(again, parseMask('mha.2+mlp.1'));
  const { rowNats } = await runExport('transformers', second, 'hf', 'fp32', text);
  const expected = await maskedNats(source, parseMask('mlp.0+mlp.1+mha.2+mlp.2'), text.rows);
  expect(largest.of('an export of an export in transformers', rowNats, expected)).toBeLessThan(EXACT_NATS);
});
