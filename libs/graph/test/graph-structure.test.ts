import { fromBinary } from '@bufbuild/protobuf';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import { temporaryFolder, TINY_MODELS, writeTinyModel } from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelProtoSchema, type GraphProto, type ValueInfoProto } from '../src/gen/onnx_pb.js';
import { buildEvaluationGraph, type GraphOptions } from '../src/index.ts';
import { inferElementTypes, type TypedNode } from './element-types.ts';

const TYPE_NAMES = { float32: 'FLOAT', bfloat16: 'BFLOAT16', float16: 'FLOAT16' } as const;
const VARIANTS = (['float32', 'bfloat16', 'float16'] as const).flatMap((dtype) =>
  (['grouped', 'multi-head'] as const).map((attention) => ({ dtype, attention })),
);
const STAGES = [
  { start: 0, end: 8 },
  { start: 0, end: 4 },
  { start: 2, end: 4 },
  { start: 4, end: 8 },
];

describe.each(Object.keys(TINY_MODELS) as TinyModelName[])('%s', (name) => {
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  });
  afterAll(() => folder.remove());

  const build = (options: Partial<GraphOptions>): GraphProto => {
    const { graph } = fromBinary(ModelProtoSchema, buildEvaluationGraph(checkpoint, options).modelBytes);
    if (graph === undefined) throw new Error('the model has no graph');
    return graph;
  };

  describe.each(VARIANTS)('in $dtype with $attention attention', ({ dtype, attention }) => {
    it.each(STAGES)('has one type a value that its readers take, in the stage %o', (stage) => {
      const graph = build({ dtype, attention, stage });
      const blockCount = stage.end - stage.start;
      const hasHead = stage.end === 8;
      expect(inferElementTypes(graph).types.get('hidden')).toBe('FLOAT');
      const gates = { keep: blockCount, fork: blockCount, fork_layer: blockCount / 2 };
      for (const [gate, size] of Object.entries(gates)) expect(dims(graph.input, gate)).toEqual([size]);
      expect(graph.input.map((input) => input.name).sort()).toEqual(
        ['x', 'row_count', ...Object.keys(gates), 'cos', 'sin']
          .concat(hasHead ? ['targets', 'run_head', 'chunk_tokens'] : [])
          .sort(),
      );
      expect(graph.output.map((output) => output.name)).toEqual(hasHead ? ['nll', 'hidden'] : ['hidden']);
    });

    it('computes inside blocks in that type, and norms, residuals and the head in fp32', () => {
      const { nodes } = inferElementTypes(build({ dtype, attention }));
      const inside = TYPE_NAMES[dtype];
      const types = (where: RegExp, ops: string[]): string[] =>
        nodes
          .filter(({ graph, node }) => where.test(graph) && ops.includes(node.opType))
          .flatMap(({ inputs, outputs }) => [...inputs, ...outputs])
          .filter((type) => type !== undefined && type !== 'INT64' && type !== 'INT32');

      const products = types(/^keep_\d+$/, ['Gemm', 'Sigmoid', 'Mul']);
      const attentions = types(/^keep_\d+$/, [
        'GroupQueryAttention',
        'MultiHeadAttention',
        'RotaryEmbedding',
      ]);
      expect(new Set([...products, ...attentions])).toEqual(new Set([inside]));
      expect(count(nodes, /^keep_\d+$/, 'Gemm')).toBe(4 * (4 + 3));
      expect(
        count(nodes, /^keep_\d+$/, attention === 'grouped' ? 'GroupQueryAttention' : 'MultiHeadAttention'),
      ).toBe(4);

      expect(new Set(types(/^keep_\d+$/, ['Add', 'SimplifiedLayerNormalization']))).toEqual(
        new Set(['FLOAT']),
      );
      expect(count(nodes, /^keep_\d+$/, 'Add')).toBe(8);
      expect(
        new Set(types(/^(head|fork_)/, ['Gemm', 'LogSoftmax', 'GatherElements', 'Concat', 'Slice'])),
      ).toEqual(new Set(['FLOAT']));
      expect(count(nodes, /^head$/, 'Gemm')).toBe(1);
    });

    it('casts the weights that are stored in another type than they are used in, and no others', () => {
      const { nodes, initializers } = inferElementTypes(build({ dtype, attention }));
      const isWeight = (value: string): boolean => (initializers.get(value)?.externalData.length ?? 0) > 0;
      const casts = nodes.filter(({ node }) => node.opType === 'Cast' && isWeight(node.input[0]));
      // onnxruntime packs the weights of a branch only when they live one level up, so no branch holds another.
      expect(casts.every(({ depth }) => depth === 0)).toBe(true);
      expect(nodes.every(({ depth }) => depth <= 1)).toBe(true);

      const stored = TINY_MODELS[name].dtype;
      const { mha, mlp } = checkpoint.layers[0];
      const linears = [mha!.q, mha!.k, mha!.v, mha!.o, mlp!.gate, mlp!.up, mlp!.down];
      const ofLayer = linears.reduce((sum, { bias }) => sum + (bias === null ? 1 : 2), 0);
      const ofNormsAndHead = 2 * 4 + 2;
      expect(casts).toHaveLength(
        (stored === dtype ? 0 : 4 * ofLayer) + (stored === 'float32' ? 0 : ofNormsAndHead),
      );
    });
  });

  it('in bfloat16 is the graph in float16, which the CPU runs, but for the type', () => {
    for (const attention of ['grouped', 'multi-head'] as const) {
      const shapes = ['bfloat16', 'float16'].map((dtype) =>
        inferElementTypes(build({ dtype: dtype as 'bfloat16', attention }))
          .nodes.filter(({ node, depth }) => !(depth === 0 && node.opType === 'Cast'))
          .map(({ node, graph }) => [graph, node.opType, node.input.length, node.output.length]),
      );
      expect(shapes[0]).toEqual(shapes[1]);
    }
  });

  it('holds the weights of its own stage only', () => {
    const names = STAGES.slice(1).map((stage) => build({ stage }).initializer.map((tensor) => tensor.name));
    expect(names[0].filter((tensor) => /layers\.[23]\./.test(tensor))).toEqual([]);
    expect(names[1].filter((tensor) => /layers\.[023]\./.test(tensor))).toEqual([]);
    expect(names[2].filter((tensor) => /layers\.[01]\./.test(tensor))).toEqual([]);
    expect(names[2]).toContain(checkpoint.head.name);
    expect(names[0]).not.toContain(checkpoint.head.name);
    expect(names[1]).toContain(checkpoint.layers[1].mlp!.up.weight.name);
  });
});

function count(nodes: readonly TypedNode[], where: RegExp, op: string): number {
  return nodes.filter(({ graph, node }) => where.test(graph) && node.opType === op).length;
}

function dims(values: readonly ValueInfoProto[], name: string): number[] {
  const type = values.find((value) => value.name === name)?.type?.value;
  const shape = type?.case === 'tensorType' ? type.value.shape : undefined;
  return shape?.dim.map(({ value }) => Number(value.value)) ?? [];
}
