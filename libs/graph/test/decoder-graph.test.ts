import { fromBinary } from '@bufbuild/protobuf';
import { makeMask, parseMask, type Mask } from '@blockpruner/blocks';
import { openCheckpoint, repackCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { temporaryFolder, TINY_MODELS, writeTinyModel } from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelProtoSchema, type GraphProto } from '../src/gen/onnx_pb.js';
import { buildDecoderGraph, type DecoderOptions } from '../src/index.ts';
import { inferElementTypes } from './element-types.ts';

describe.each(Object.keys(TINY_MODELS) as TinyModelName[])('%s', (name) => {
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  });
  afterAll(() => folder.remove());

  const build = (mask: Mask, options: Partial<DecoderOptions> = {}): GraphProto => {
    const { modelBytes } = buildDecoderGraph(repackCheckpoint(checkpoint, mask), options);
    const { graph } = fromBinary(ModelProtoSchema, modelBytes);
    if (graph === undefined) throw new Error('the model has no graph');
    return graph;
  };

  it.each(['float32', 'float16', 'bfloat16'] as const)('keeps logits in fp32 and caches in %s', (dtype) => {
    const { types } = inferElementTypes(build([], { dtype }));
    const names = { float32: 'FLOAT', float16: 'FLOAT16', bfloat16: 'BFLOAT16' };
    expect(types.get('logits')).toBe('FLOAT');
    expect(types.get('present.0.key')).toBe(names[dtype]);
  });

  it.each([
    ['dense', [], 4],
    ['without its first attention', parseMask('mha.0+mlp.2'), 3],
    ['without any attention', makeMask([0, 2, 4, 6]), 0],
  ] as const)('numbers its caches from 0 on %s', (_, mask, count) => {
    const { input, output, node } = build(mask);
    const caches = (prefix: string): string[] =>
      Array.from({ length: count }, (_, i) => [`${prefix}.${i}.key`, `${prefix}.${i}.value`]).flat();
    expect(input.map((value) => value.name).sort()).toEqual(
      ['input_ids', 'attention_mask', ...caches('past_key_values')].sort(),
    );
    expect(output.map((value) => value.name).sort()).toEqual(['logits', ...caches('present')].sort());
    expect(node.filter(({ opType }) => opType === 'GroupQueryAttention')).toHaveLength(count);
  });

  it('holds no weight itself', () => {
    for (const { name: tensor, rawData, dataLocation } of build([]).initializer) {
      if (tensor.startsWith('model.') || tensor.startsWith('lm_head')) expect(dataLocation).toBe(1);
      expect(rawData?.length ?? 0).toBeLessThan(1024);
    }
  });
});
