import { formatBlock, formatMask, parseMask } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { prunedModel, type PrunedModel } from '@blockpruner/export';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CASES, openSource, testText } from './case.ts';
import { LargestDifference } from './largest-difference.ts';
import { maskedNats } from './masked-nats.ts';
import { RuntimePool } from './runtime-pool.ts';
import type { Runtime, RuntimeAnswer } from './runtime-process.ts';
import { writeExportAs, type Form } from '../../tools/reference/runtimes/write-export-as.ts';

const EXACT_NATS = 1e-5;

const IN_FP32: readonly (readonly [Runtime, Form])[] = [
  ['transformers', 'hf'],
  ['mlx', 'hf'],
  ['genai', 'onnx'],
  ['llamacpp', 'gguf'],
];

const runtimes = new RuntimePool();
const largest = new LargestDifference();

afterAll(() => {
  runtimes.close();
  largest.print();
});

describe.each(CASES.map((each) => ({ ...each, removed: formatMask(each.mask) })))(
  '$model without $removed: $reason',
  ({ model, mask }) => {
    const text = testText(model);
    let sourceFolder: TemporaryFolder;
    let folder: TemporaryFolder;
    let pruned: PrunedModel;
    /** What a search computes, which passes the blocks by in the source. */
    let expected: number[];
    /** PyTorch on the source, where the blocks write zeros: nothing of ours but the list of blocks. */
    let independent: RuntimeAnswer;

    beforeAll(async () => {
      sourceFolder = temporaryFolder();
      const source = await openSource(model, sourceFolder.path);
      pruned = prunedModel(source, mask);
      expected = await maskedNats(source, mask, text.rows);
      const removed = mask.map(formatBlock);
      independent = await runtimes.run('transformers', { model: source.folder, removed, ...text });
    });
    afterAll(() => sourceFolder.remove());
    beforeEach(() => void (folder = temporaryFolder()));
    afterEach(() => folder.remove());

    it('scores in a search as in PyTorch', () => {
      const name = 'a search, to transformers on the source';
      expect(largest.of(name, independent.rowNats, expected)).toBeLessThan(EXACT_NATS);
      expect(independent.uncached).toEqual(independent.cached);
      expect(independent.cached).toHaveLength(text.greedyTokens);
    });

    it.each(IN_FP32)('is the same model in %s, as %s in fp32', async (runtime, form) => {
      const path = await writeExportAs(pruned, form, 'fp32', folder.path);
      const answer = await runtimes.run(runtime, { model: path, ...text });
      expect(largest.of(`${form} fp32 in ${runtime}`, answer.rowNats, expected)).toBeLessThan(EXACT_NATS);
      expect(answer.cached).toEqual(independent.cached);
      expect(answer.uncached).toEqual(independent.cached);
    });
  },
);

it('can be pruned again: an export of an export is the model without both lists of blocks', async () => {
  const text = testText('llama3-rope');
  const folder = temporaryFolder();
  const source = await openSource('llama3-rope', folder.path);
  const first = prunedModel(source, parseMask('mlp.0+mlp.2'));
  const path = await writeExportAs(first, 'hf', 'fp32', `${folder.path}/first`);
  const second = prunedModel(
    await openCheckpoint(path, { cacheFolder: folder.path }),
    parseMask('mha.2+mlp.1'),
  );
  const model = await writeExportAs(second, 'hf', 'fp32', `${folder.path}/second`);
  const { rowNats } = await runtimes.run('transformers', { model, ...text });
  const expected = await maskedNats(source, parseMask('mlp.0+mlp.1+mha.2+mlp.2'), text.rows);
  expect(largest.of('an export of an export in transformers', rowNats, expected)).toBeLessThan(EXACT_NATS);
  folder.remove();
});
