import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HubError } from './hub-error.ts';
import { selectGguf, selectModel } from './model-files.ts';

const subject = { kind: 'model', repository: 'org/name', revision: 'main' } as const;
const INDEX = JSON.stringify({
  metadata: {},
  weight_map: { 'a.weight': 'model-1.safetensors', b: 'model-2.safetensors' },
});
const PATHS = [
  'config.json',
  'tokenizer.json',
  'model.safetensors.index.json',
  'model-1.safetensors',
  'model-2.safetensors',
];

async function outcome(
  selecting: () => Promise<{ files: readonly string[] }>,
): Promise<readonly string[] | HubError> {
  try {
    return (await selecting()).files;
  } catch (error) {
    if (error instanceof HubError && error.message.length < 400) return error;
    throw error;
  }
}

describe('selectModel', () => {
  it('selects only what the repository has, or fails with one line, whatever byte of the index is changed', async () => {
    const paths = new Set(PATHS);
    await fc.assert(
      fc.asyncProperty(fc.nat(INDEX.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
        const index = Buffer.from(cut ? INDEX.slice(0, at) : INDEX);
        if (!cut) index[at] = byte;
        const files = await outcome(() => selectModel(subject)(paths, () => Promise.resolve(index)));
        if (!(files instanceof HubError)) expect(files.every((file) => paths.has(file))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('selects the files of a sharded model', async () => {
    const { files, certain } = await selectModel(subject)(new Set(PATHS), () =>
      Promise.resolve(Buffer.from(INDEX)),
    );
    expect([...files].sort()).toEqual([...PATHS].sort());
    expect(certain).toBe(true);
  });

  it('is not certain of a model without a tokenizer', async () => {
    const paths = new Set(['config.json', 'model.safetensors', 'generation_config.json', 'x.txt']);
    const selection = await selectModel(subject)(paths, () => Promise.reject(new Error('nothing is read')));
    expect(selection).toEqual({
      files: ['config.json', 'generation_config.json', 'model.safetensors'],
      certain: false,
    });
  });
});

describe('selectGguf', () => {
  it.each(['a-00001-of-00000.gguf', 'a-00001-of-99999.gguf', 'a-00003-of-00002.gguf'])(
    'refuses the parts of %s',
    async (file) => {
      expect(
        await outcome(() =>
          selectGguf(subject, file)(new Set([file]), () => Promise.reject(new Error('nothing is read'))),
        ),
      ).toBeInstanceOf(HubError);
    },
  );
});
