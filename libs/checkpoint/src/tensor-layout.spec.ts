import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeTinyFolder } from '../test/tiny-model.ts';
import { LLAMA_NAMES } from './architecture.ts';
import { openHuggingFaceFolder } from './huggingface-folder.ts';
import { repackCheckpoint } from './repacked-checkpoint.ts';
import { layoutOf, layOutTensors, tensorOf } from './tensor-layout.ts';

describe('layoutOf', () => {
  const folder = temporaryFolder();

  it('walks the tensors of a model that is open, each under its role', async () => {
    const checkpoint = await openHuggingFaceFolder(await writeTinyFolder(folder));
    layOutTensors(layoutOf(checkpoint), LLAMA_NAMES, (name, shape, role) => {
      expect(tensorOf(checkpoint, role)).toMatchObject({ name, shape });
    });
  });

  it('leaves out blocks that are gone, and has no tensor for them', async () => {
    const checkpoint = repackCheckpoint(await openHuggingFaceFolder(folder), [1]);
    const names: string[] = [];
    layOutTensors(layoutOf(checkpoint), LLAMA_NAMES, (name) => names.push(name));
    expect(names.filter((name) => name.includes('layers.0.mlp'))).toEqual([]);
    expect(tensorOf(checkpoint, { module: 'gate', part: 'weight', layer: 0 })).toBeNull();
    expect(tensorOf(checkpoint, { module: 'q', part: 'bias', layer: 0 })).toBeNull();
    expect(tensorOf(checkpoint, { module: 'head', part: 'weight', layer: null })).toBe(checkpoint.embedding);
  });
});
