import { describe, expect, it } from 'vitest';
import { formatMask, parseMask } from '@blockpruner/blocks';
import { tinyModelReference } from './tiny-model-reference.ts';
import { TINY_MODELS, tinyReferenceRows, tinyRows, type TinyModelName } from './tiny-models.ts';

const NAMES = Object.keys(TINY_MODELS) as TinyModelName[];

describe('tinyRows', () => {
  it('gives rows of the lengths asked for, with ids of the vocabulary', () => {
    const rows = tinyRows(300, 5, [7, 1, 200]);
    expect(rows.map((row) => row.length)).toEqual([7, 1, 200]);
    for (const id of rows.flatMap((row) => [...row])) expect(id >= 0 && id < 300).toBe(true);
    expect(new Set(rows[2]).size).toBeGreaterThan(100);
  });

  it('gives the same rows for the same seed, and rows that differ from one another', () => {
    expect(tinyRows(300, 5, [20, 20])).toEqual(tinyRows(300, 5, [20, 20]));
    expect(tinyRows(300, 5, [20])).not.toEqual(tinyRows(300, 6, [20]));
    const [first, second] = tinyRows(300, 5, [20, 20]);
    expect(first).not.toEqual(second);
  });
});

describe('tinyModelReference', () => {
  const reference = tinyModelReference();

  it('has the same models as the list', () => {
    expect(Object.keys(reference.models)).toEqual(NAMES);
  });

  it.each(NAMES)(
    'has a number for each row of %s, dense, without any single block and without two',
    (name) => {
      const { dense, masks } = reference.models[name];
      const blockCount = 2 * TINY_MODELS[name].layerCount;
      const parsed = Object.keys(masks).map((text) => parseMask(text, TINY_MODELS[name].layerCount));
      expect(parsed.map(formatMask)).toEqual(Object.keys(masks));
      expect(parsed.filter((mask) => mask.length === 1).flat()).toEqual([...Array(blockCount).keys()]);
      expect(parsed.filter((mask) => mask.length === 2)).toHaveLength(3);
      const rowCount = tinyReferenceRows(name).length;
      for (const rows of [dense, ...Object.values(masks)]) {
        expect(rows).toHaveLength(rowCount);
        for (const nats of rows) expect(nats).toBeGreaterThan(0);
      }
    },
  );

  it.each(NAMES)('tells the scores of %s apart by far more than the noise of fp32', (name) => {
    const { dense, masks } = reference.models[name];
    const scores = [dense, ...Object.values(masks)].map(
      (rows) => rows.reduce((sum, nats) => sum + nats) / rows.length,
    );
    scores.sort((a, b) => a - b);
    for (let i = 1; i < scores.length; i++) expect(scores[i] - scores[i - 1]).toBeGreaterThan(1e-4);
  });
});
