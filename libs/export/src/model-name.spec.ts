import { describe, expect, it } from 'vitest';
import { prunedModelName } from './model-name.ts';

const nameOf = (sourcePath: string, removedCount: number) =>
  prunedModelName({
    source: { sourcePath } as never,
    mask: Array.from({ length: removedCount }, (_, block) => block),
  });

describe('a pruned model is called after', () => {
  it.each([
    ['a folder', '/models/Qwen2.5-0.5B', 'Qwen2.5-0.5B'],
    ['a file without its type', '/models/SmolLM2-135M-Instruct.Q4_1.gguf', 'SmolLM2-135M-Instruct'],
    ['a file with a type behind a dash', '/models/llama-2-7b-Q4_K_M.gguf', 'llama-2-7b'],
    ['a part of a split file', '/models/big-f16-00001-of-00003.gguf', 'big'],
    ['a file whose name says no type', '/models/tiny.gguf', 'tiny'],
    [
      'its name on the hub',
      '/cache/models--HuggingFaceTB--SmolLM2-135M/snapshots/0123456789abcdef',
      'SmolLM2-135M',
    ],
  ])('%s', (_, path, name) => {
    expect(nameOf(path, 8)).toBe(`${name}-pruned8`);
    expect(nameOf(path, 0)).toBe(name);
  });
});
