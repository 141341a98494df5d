import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseMask } from '@blockpruner/blocks';
import { prunedModel } from '@blockpruner/export';
import { expect, it } from 'vitest';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS } from '../../tools/reference/runtimes/runtimes-python.ts';
import { writeExportAs } from '../../tools/reference/runtimes/write-export-as.ts';
import { openSource } from './case.ts';
import { maskedNats } from './masked-nats.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import { testText } from './test-text.ts';
import { EXACT_NATS } from './tolerance.ts';

const { runtimes, largest, folder } = runtimeFixture();

it('llama.cpp leaves out the attention of a layer without feed-forward block, and says nothing: why exports have zeros there', async () => {
  const text = testText('smollm2', 1);
  const source = await openSource('smollm2', '');
  const mask = parseMask('mlp.12+mlp.20');
  const path = await writeExportAs(prunedModel(source, mask), 'gguf', 'fp32', folder());
  const model = join(folder(), 'wrong.gguf');
  execFileSync(RUNTIMES_PYTHON, [join(RUNTIME_SCRIPTS, 'without_feed_forward.py'), path, model, '12']);
  const { rowNats } = await runtimes.run('llamacpp', { model, ...text });
  const without = await maskedNats(source, parseMask('mha.12+mlp.12+mlp.20'), text.rows);
  expect(largest.of('a layer of attention alone in llamacpp', rowNats, without)).toBeLessThan(EXACT_NATS);
  const right = await maskedNats(source, mask, text.rows);
  expect(Math.abs(rowNats[0] - right[0])).toBeGreaterThan(0.01);
});
