import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyModelReference,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
  type TinyModelName,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './command.ts';

interface Scored {
  readonly score: number;
  readonly perplexity: number;
  readonly rows: readonly number[];
}

interface Report {
  readonly dense: Scored;
  readonly masks: readonly (Scored & { readonly mask: string })[];
}

const TOLERANCE_NATS = 5e-6;
const MODELS: readonly TinyModelName[] = [
  'llama-gqa-untied',
  'qwen2-biases',
  'mistral-window',
  'llama3-rope',
];

describe('score', () => {
  let folder: TemporaryFolder;
  let largest = 0;

  beforeAll(async () => {
    folder = temporaryFolder();
    for (const name of MODELS) {
      await writeTinyModel(join(folder.path, name), TINY_MODELS[name]);
      const rows = tinyReferenceRows(name).map((row) => [...row]);
      writeFileSync(join(folder.path, `${name}.json`), JSON.stringify(rows));
    }
  });
  afterAll(() => {
    process.stdout.write(`largest difference to transformers: ${largest.toExponential(2)} nats\n`);
    folder.remove();
  });

  const args = (name: string, masks: readonly string[], ...more: string[]): string[] => [
    ...['score', '--model', name, '--calibration', `${name}.json`, '--workers', 'local:1'],
    ...masks.flatMap((mask) => ['--mask', mask]),
    ...more,
  ];
  const difference = (ours: readonly number[], reference: readonly number[]): number =>
    Math.max(...ours.map((value, i) => Math.abs(value - reference[i])));

  it.each(MODELS)(
    'gives for %s, dense and without each of some blocks, the numbers of transformers',
    async (name) => {
      const { dense, masks } = tinyModelReference().models[name];
      const some = Object.keys(masks).filter((mask, i) => i % 3 === 0 || mask.includes('+'));
      const ended = await run(args(name, some, '--json'), folder.path);
      expect([ended.code, ended.stdout.trimEnd().split('\n').length]).toEqual([0, 1]);
      const report = JSON.parse(ended.stdout) as Report;
      expect(Object.keys(report)).toEqual(['dense', 'masks']);
      expect(report.masks.map(({ mask }) => mask)).toEqual(some);
      const references = [dense, ...some.map((mask) => masks[mask])];
      [report.dense, ...report.masks].forEach(({ score, perplexity, rows }, i) => {
        expect(rows).toHaveLength(references[i].length);
        largest = Math.max(largest, difference(rows, references[i]));
        expect(difference(rows, references[i])).toBeLessThan(TOLERANCE_NATS);
        expect(score).toBeCloseTo(rows.reduce((sum, row) => sum + row, 0) / rows.length, 12);
        expect(perplexity).toBe(Math.exp(score));
      });
    },
  );

  it('prints a table, writes nothing, and gives the same numbers with two workers', async () => {
    const name = 'llama-gqa-untied';
    const before = readdirSync(folder.path);
    const table = await run(args(name, ['mlp.3+mha.1']), folder.path);
    expect([table.code, table.stdout]).toEqual([
      0,
      expect.stringMatching(/^\| mask .*\n\|.*\n\| dense .*\n\| mha\.1\+mlp\.3 .*\|\n$/),
    ]);
    const one = await run(args(name, ['mlp.3+mha.1'], '--json'), folder.path);
    const two = await run(args(name, ['mlp.3+mha.1'], '--json', '--workers', 'local:2'), folder.path);
    expect([two.code, two.stdout]).toEqual([0, one.stdout]);
    expect(readdirSync(folder.path)).toEqual(before);
  });

  it('gives the same numbers whatever other masks are asked for', async () => {
    const name = 'qwen2-biases';
    const alone = await run(args(name, ['mha.2'], '--json'), folder.path);
    const among = await run(args(name, ['mha.1', 'mha.2', 'mlp.1+mlp.2'], '--json'), folder.path);
    const [expected] = (JSON.parse(alone.stdout) as Report).masks;
    expect((JSON.parse(among.stdout) as Report).masks[1]).toEqual(expected);
  });
});
