import { prunedModel } from '@blockpruner/export';
import { StreamMeter } from '@blockpruner/inference';
import { scoreOf } from '@blockpruner/perplexity';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSource, searchedMask } from './case.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import { RUNTIME_FORMS } from './runtime-form.ts';
import { testText } from './test-text.ts';

/** The norms add their epsilon to the square of a stream that is larger in the export: more than rounding. */
const EPSILON_NATS = 1e-4;

const { largest, runExport } = runtimeFixture();

describe('healed exports of SmolLM2 without twelve blocks', () => {
  const text = testText('smollm2', 1);
  const rows = text.rows.map((tokenIds, index) => ({ index, tokenIds }));
  const mask = searchedMask(12);
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

  it.each(RUNTIME_FORMS)('score in %s, as %s, as with factors in the stream', async (runtime, form) => {
    const { rowNats } = await runExport(runtime, healed, form, 'fp32', text);
    const name = `healed ${form} fp32 in ${runtime}`;
    expect(largest.of(name, [scoreOf(rowNats)], [score])).toBeLessThan(EPSILON_NATS);
  });
});
