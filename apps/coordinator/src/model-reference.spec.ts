import { describe, expect, it } from 'vitest';
import { readModelReference } from './model-reference.ts';

describe('a model reference that names no run', () => {
  it.each(['org/name@3', './model', 'model.gguf', 'runs/none@2', 'a@b'])('%s is a model', async (given) => {
    expect(await readModelReference(given)).toEqual({ model: given, mask: [], run: null });
  });
});
