import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMask } from '@blockpruner/blocks';
import { temporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSource, testText } from './case.ts';
import { LargestDifference } from './largest-difference.ts';
import { maskedNats } from './masked-nats.ts';
import { RuntimePool } from './runtime-pool.ts';
import type { Runtime } from './runtime-process.ts';

const BLOCKPRUNER = join(import.meta.dirname, '../../apps/coordinator/bin/blockpruner');
const MODEL = 'llama3-rope';
const EXACT_NATS = 1e-5;

const FORMS: readonly (readonly [string, Runtime])[] = [
  ['hf', 'transformers'],
  ['onnx', 'genai'],
  ['gguf', 'llamacpp'],
];

describe('what the command exports of a run', () => {
  const folder = temporaryFolder();
  const runtimes = new RuntimePool();
  const largest = new LargestDifference();
  const text = testText(MODEL);
  const run = join(folder.path, 'run');
  const env = { ...process.env, CUDA_VISIBLE_DEVICES: '' };
  const blockpruner = (...words: string[]): void =>
    void execFileSync(BLOCKPRUNER, [...words, '--cache-dir', folder.path], { env, stdio: 'ignore' });
  let expected: number[];

  beforeAll(async () => {
    const source = await openSource(MODEL, join(folder.path, 'model'));
    const calibration = join(folder.path, 'rows.json');
    writeFileSync(calibration, JSON.stringify(text.rows.map((row) => [...row])));
    blockpruner(
      ...['prune', '--model', source.folder, '--calibration', calibration],
      ...['--remove', '3', '--output', run],
    );
    const removed = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8')) as { mask: string };
    expected = await maskedNats(source, parseMask(removed.mask), text.rows);
  });
  afterAll(() => {
    runtimes.close();
    largest.print();
    folder.remove();
  });

  it.each(FORMS)('is, as %s, that model in %s', async (form, runtime) => {
    const output = join(folder.path, form);
    blockpruner('export', run, '--to', form, '--output', output);
    const gguf = readdirSync(output).find((name) => name.endsWith('.gguf'));
    const model = gguf === undefined ? output : join(output, gguf);
    const { rowNats } = await runtimes.run(runtime, { model, ...text });
    expect(largest.of(`export --to ${form} in ${runtime}`, rowNats, expected)).toBeLessThan(EXACT_NATS);
  });
});
