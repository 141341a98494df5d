import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseMask } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { temporaryFolder, TINY_MODELS, writeTinyModel } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstAttentionNote, prunedModel } from './pruned-model.ts';

const folder = temporaryFolder();
let source: Checkpoint;
beforeAll(async () => {
  const path = join(folder.path, 'model');
  mkdirSync(path);
  await writeTinyModel(path, TINY_MODELS['llama-mha-tied']);
  source = await openCheckpoint(path, { cacheFolder: folder.path });
});
afterAll(() => folder.remove());

describe('a model that is exported', () => {
  it('has factors on what writes to the stream before a removed block, and their inverse on a tied norm', () => {
    const healing = new Map([
      [2, 2],
      [5, 3],
    ]);
    const { factors } = prunedModel(source, parseMask('mha.1+mlp.2'), healing);
    expect(factors).toEqual({
      embedding: 6,
      // mha.0 mlp.0 | mlp.1 joins no layer with attention | mha.2 | mha.3 mlp.3
      layers: [
        { mha: 6, mlp: 6 },
        { mha: 1, mlp: 3 },
        { mha: 3, mlp: 1 },
        { mha: 1, mlp: 1 },
      ],
      finalNorm: 1 / 6,
    });
  });

  it('says so where its first attention is gone', () => {
    expect(firstAttentionNote(prunedModel(source, parseMask('mha.0')))).toContain('--keep mha.0');
    expect(firstAttentionNote(prunedModel(source, parseMask('mha.0+mlp.0')))).toContain('--keep mha.0');
    expect(firstAttentionNote(prunedModel(source, parseMask('mlp.0')))).toBeNull();
  });

  it.each([
    ['mha.0', new Map([[3, 1.5]]), 'block index 3 has a factor and is not removed'],
    ['mha.0+mlp.0+mha.1+mlp.1+mha.2+mlp.2+mha.3+mlp.3', new Map<number, number>(), 'no block is left'],
  ])('without %s and with the factors %o is refused', (mask, healing, reason) => {
    expect(() => prunedModel(source, parseMask(mask), healing)).toThrow(reason);
  });
});
