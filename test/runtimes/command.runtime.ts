import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBlock, parseMask } from '@blockpruner/blocks';
import { temporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blockpruner } from './blockpruner-command.ts';
import { openSource } from './case.ts';
import { maskedNats } from './masked-nats.ts';
import { runtimeFixture } from './runtime-fixture.ts';
import { RUNTIME_FORMS } from './runtime-form.ts';
import type { RuntimeAnswer } from './runtime-process.ts';
import { testText } from './test-text.ts';
import { EXACT_NATS } from './tolerance.ts';

const MODEL = 'llama3-rope';

const { runtimes, largest, folder } = runtimeFixture();

describe('what the command exports of a run', () => {
  const own = temporaryFolder();
  const text = testText(MODEL, 64);
  const run = join(own.path, 'run');
  const cache = ['--cache-dir', own.path];
  let expected: number[];
  let independent: RuntimeAnswer;

  beforeAll(async () => {
    const source = await openSource(MODEL, join(own.path, 'model'));
    const calibration = join(own.path, 'rows.json');
    writeFileSync(calibration, JSON.stringify(text.rows.map((row) => [...row])));
    const inputs = ['--model', source.folder, '--calibration', calibration, ...cache];
    blockpruner('prune', ...inputs, '--remove', '3', '--output', run);
    const result = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8')) as { mask: string };
    const mask = parseMask(result.mask);
    expect(mask).toHaveLength(3);
    expected = await maskedNats(source, mask, text.rows);
    const removed = mask.map(formatBlock);
    independent = await runtimes.run('transformers', { model: source.folder, removed, ...text });
  });
  afterAll(() => own.remove());

  it.each(RUNTIME_FORMS)('is that model in %s, as %s', async (runtime, form) => {
    const output = join(folder(), form);
    blockpruner('export', run, '--to', form, '--output', output, ...cache);
    const gguf = readdirSync(output).find((name) => name.endsWith('.gguf'));
    const model = gguf === undefined ? output : join(output, gguf);
    const { rowNats, cached } = await runtimes.run(runtime, { model, ...text });
    expect(largest.of(`export --to ${form} in ${runtime}`, rowNats, expected)).toBeLessThan(EXACT_NATS);
    expect(cached).toEqual(independent.cached);
  });
});
