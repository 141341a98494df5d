import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findNonFinite, openCheckpoint, type Checkpoint, type TensorLocation } from '../src/index.ts';
import { temporaryFolder } from './tiny-model.ts';
import { blockTensors } from '../src/tensor-layout.ts';

// The GGUF is put there by the workspace's set-up; it is too large to be committed.
const GGUF = resolve(import.meta.dirname, '../../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf');

interface Fixture {
  tensors: Record<string, string>;
  tokenizer: {
    vocabularySize: number;
    vocabularySha256: string;
    mergeCount: number;
    mergesSha256: string;
    special: Record<string, number>;
    chatTemplateSha256: string;
  };
}

const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/smollm2-decoded.json'), 'utf8'),
) as Fixture;
const cacheFolder = temporaryFolder();

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

async function hashTensor(handle: FileHandle, { lengthBytes, offsetBytes }: TensorLocation): Promise<string> {
  const bytes = Buffer.alloc(lengthBytes);
  await handle.read(bytes, 0, lengthBytes, offsetBytes);
  return sha256(bytes);
}

describe('SmolLM2-135M-Instruct.Q4_1.gguf', () => {
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    checkpoint = await openCheckpoint(GGUF, { cacheFolder });
  }, 120_000);

  it('decodes to the 272 tensors of the reference, bit for bit', async () => {
    const tensors = checkpoint.layers.flatMap(({ mha, mlp }) => [...blockTensors(mha), ...blockTensors(mlp)]);
    const hashes: Record<string, string> = {};
    const handle = await open(checkpoint.embedding.file);
    for (const tensor of [checkpoint.embedding, ...tensors, checkpoint.finalNorm]) {
      hashes[tensor.name] = await hashTensor(handle, tensor);
    }
    await handle.close();
    expect(Object.keys(hashes).length).toBe(272);
    expect(hashes).toEqual(fixture.tensors);
  }, 120_000);

  it('has the sizes and numerics of the model', () => {
    expect(checkpoint).toMatchObject({
      ...{ format: 'gguf', modelType: 'llama', normEpsilon: 1e-5, tiedHead: true, maxPositionTokens: 8192 },
      rope: { theta: 100000, scaling: { kind: 'none' } },
      shape: {
        layerCount: 30,
        hiddenSize: 576,
        intermediateSize: 1536,
        headCount: 9,
        kvHeadCount: 3,
        headSize: 64,
      },
    });
    expect(checkpoint.shape.totalParameters).toBe(134_515_008);
  });

  it('holds no weight that is not finite', async () => {
    expect(await findNonFinite(checkpoint)).toBeNull();
  }, 120_000);

  it('has the vocabulary, the merges and the special tokens of the reference', () => {
    const read = (name: string) =>
      JSON.parse(readFileSync(join(checkpoint.folder, name), 'utf8')) as Record<string, unknown>;
    const tokenizer = read('tokenizer.json');
    const { merges, vocab } = tokenizer.model as { merges: string[][]; vocab: Record<string, number> };
    const tokens = Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);
    const added = tokenizer.added_tokens as { id: number; content: string; special: boolean }[];
    const config = read('tokenizer_config.json');
    expect({
      vocabularySize: tokens.length,
      vocabularySha256: sha256(tokens.join('\n')),
      mergeCount: merges.length,
      mergesSha256: sha256(merges.map((pair) => pair.join(' ')).join('\n')),
      special: Object.fromEntries(
        added.filter(({ special }) => special).map(({ content, id }) => [content, id]),
      ),
      chatTemplateSha256: sha256(config.chat_template as string),
    }).toEqual(fixture.tokenizer);
    expect(added.length).toBe(17);
    expect(tokenizer).toMatchObject({
      normalizer: null,
      post_processor: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Digits', individual_digits: true },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
        ],
      },
      decoder: { type: 'ByteLevel' },
    });
    expect(config).toMatchObject({
      bos_token: '<|im_start|>',
      eos_token: '<|im_end|>',
      pad_token: '<|im_end|>',
    });
  });
});
