import { prunedModel } from '@blockpruner/export';
import { StreamMeter } from '@blockpruner/inference';
import { scoreOf } from '@blockpruner/perplexity';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeExportAs, type Form } from '../../tools/reference/runtimes/write-export-as.ts';
import { openSource, searchedMask, testText, type TestText } from './case.ts';
import { LargestDifference } from './largest-difference.ts';
import { RuntimePool } from './runtime-pool.ts';
import type { Runtime } from './runtime-process.ts';

/** The norms add their epsilon to the square of a stream that is larger in the export: more than rounding. */
const EPSILON_NATS = 1e-4;

const IN_FP32: readonly (readonly [Runtime, Form])[] = [
  ['transformers', 'hf'],
  ['genai', 'onnx'],
  ['llamacpp', 'gguf'],
];

describe('healed exports of SmolLM2 without twelve blocks', () => {
  const runtimes = new RuntimePool();
  const largest = new LargestDifference();
  const text: TestText = { ...testText('smollm2'), greedyTokens: 4 };
  const rows = text.rows.map((tokenIds, index) => ({ index, tokenIds }));
  const mask = searchedMask(12);
  let folder: TemporaryFolder;
  let healed: ReturnType<typeof prunedModel>;
  let score: number;

  beforeAll(async () => {
    const source = await openSource('smollm2', '');
    const meter = await StreamMeter.load(source, { device: 'cpu', threads: 1 });
    const healing = await meter.measure(rows, mask);
    score = await meter.score(rows, healing);
    const passedBy = await meter.score(rows, new Map(mask.map((block) => [block, 1])));
    expect(score).toBeLessThan(passedBy - 0.01);
    healed = prunedModel(source, mask, healing);
    await meter.close();
  });
  afterAll(() => {
    runtimes.close();
    largest.print();
  });
  beforeEach(() => void (folder = temporaryFolder()));
  afterEach(() => folder.remove());

  it.each(IN_FP32)('score in %s, as %s, as with factors in the stream', async (runtime, form) => {
    const path = await writeExportAs(healed, form, 'fp32', folder.path);
    const { rowNats } = await runtimes.run(runtime, { model: path, ...text });
    const name = `healed ${form} fp32 in ${runtime}`;
    expect(largest.of(name, [scoreOf(rowNats)], [score])).toBeLessThan(EPSILON_NATS);
  });
});
