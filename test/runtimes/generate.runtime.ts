import { formatBlock, formatMask } from '@blockpruner/blocks';
import { loadTokenizer } from '@blockpruner/calibration';
import { readTokenizerFiles } from '@blockpruner/checkpoint';
import { prunedModel } from '@blockpruner/export';
import { CHECKPOINT_CACHE, SMOLLM2_GGUF } from '@blockpruner/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeExportAs, type Form } from '../../tools/reference/runtimes/write-export-as.ts';
import { blockpruner } from './blockpruner-command.ts';
import { openSource, searchedMask } from './case.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import { testText } from './test-text.ts';

const PROMPT = 'Call me Ishmael. Some years ago, never mind how long';
const FORMS: readonly Form[] = ['hf', 'onnx', 'gguf'];

const { runtimes, folder } = runtimeFixture();

describe('blockpruner generate, of SmolLM2 without twelve blocks', () => {
  const mask = searchedMask(12);
  let expected: readonly number[];

  beforeAll(async () => {
    const tokenizer = await loadTokenizer(await readTokenizerFiles(SMOLLM2_GGUF), 'none');
    const text = { ...testText('smollm2', 64), prompt: await tokenizer.encode(PROMPT) };
    const removed = mask.map(formatBlock);
    ({ cached: expected } = await runtimes.run('transformers', { model: SMOLLM2_GGUF, removed, ...text }));
  });

  function generatedBy(model: string, ...words: readonly string[]): readonly number[] {
    const asked = ['--prompt', PROMPT, '--special-tokens', 'none', '--max-tokens', '64', '--json'];
    const printed = blockpruner('generate', '--model', model, ...asked, ...words);
    return (JSON.parse(printed) as { tokenIds: number[] }).tokenIds;
  }

  it('gives the text of transformers, of the source', () => {
    const words = ['--mask', formatMask(mask), '--cache-dir', CHECKPOINT_CACHE];
    expect(generatedBy(SMOLLM2_GGUF, ...words)).toEqual(expected);
  });

  it.each(FORMS)('gives the text of transformers, of an export as %s', async (form) => {
    const pruned = prunedModel(await openSource('smollm2', ''), mask);
    const path = await writeExportAs(pruned, form, 'fp32', folder());
    expect(generatedBy(path, '--cache-dir', folder())).toEqual(expected);
  });
});
