import { blockIndex, isAbsent, type BlockKind, type ModelShape } from '@blockpruner/blocks';
import type { TensorNames } from './architecture.ts';
import type { LayerTensors, LinearTensors, ModelTensors } from './checkpoint.ts';
import type { ModelConfig } from './model-config.ts';

/**
 * Walks every tensor that a config calls for, in file order (embedding, layers, final norm, head), and builds the
 * tree of what `place` makes of each. The same names are visited in the same order whatever the naming.
 * @param place called once a tensor; a tied head is not visited
 */
export function layOutTensors<T>(
  config: ModelConfig,
  names: TensorNames,
  place: (name: string, shape: readonly number[]) => T,
): ModelTensors<T> {
  const { biases, sizes } = config;
  const { hiddenSize, intermediateSize, vocabSize } = sizes;
  const absent = (kind: BlockKind, layer: number) => isAbsent(sizes, blockIndex(kind, layer));
  const qSize = sizes.headCount * sizes.headSize;
  const kvSize = sizes.kvHeadCount * sizes.headSize;

  const embedding = place(`${names.embedding}.weight`, [vocabSize, hiddenSize]);
  const layers = Array.from({ length: sizes.layerCount }, (_, layer) => {
    const named = (template: string) => template.replace('{layer}', String(layer));
    const norm = (template: string) => place(`${named(template)}.weight`, [hiddenSize]);
    const linear = (template: string, out: number, width: number, bias: boolean): LinearTensors<T> => ({
      weight: place(`${named(template)}.weight`, [out, width]),
      bias: bias ? place(`${named(template)}.bias`, [out]) : null,
    });
    return {
      mha: absent('mha', layer)
        ? null
        : {
            norm: norm(names.mhaNorm),
            q: linear(names.q, qSize, hiddenSize, biases.qkv),
            k: linear(names.k, kvSize, hiddenSize, biases.qkv),
            v: linear(names.v, kvSize, hiddenSize, biases.qkv),
            o: linear(names.o, hiddenSize, qSize, biases.o),
          },
      mlp: absent('mlp', layer)
        ? null
        : {
            norm: norm(names.mlpNorm),
            gate: linear(names.gate, intermediateSize, hiddenSize, biases.mlp),
            up: linear(names.up, intermediateSize, hiddenSize, biases.mlp),
            down: linear(names.down, hiddenSize, intermediateSize, biases.mlp),
          },
    };
  });
  const finalNorm = place(`${names.finalNorm}.weight`, [hiddenSize]);
  const head = config.tiedHead ? embedding : place(`${names.head}.weight`, [vocabSize, hiddenSize]);
  return { embedding, layers, finalNorm, head };
}

/** The number of elements; 1 for a scalar's empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** Every tensor of a block, its norm first; none where the model was made without it. */
export function blockTensors<T>(block: LayerTensors<T>['mha' | 'mlp']): T[] {
  if (block === null) return [];
  const { norm, ...linears } = block;
  const rest = Object.values(linears as Record<string, LinearTensors<T>>);
  return [norm, ...rest.flatMap(({ weight, bias }) => (bias === null ? [weight] : [weight, bias]))];
}

/** Adds the parameter counts to the sizes of a config. */
export function modelShape(config: ModelConfig): ModelShape {
  let totalParameters = 0;
  const { layers } = layOutTensors(config, config.names, (_, shape) => {
    totalParameters += elementCount(shape);
    return elementCount(shape);
  });
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  return {
    ...config.sizes,
    mhaParameters: sum(blockTensors(layers.find(({ mha }) => mha !== null)?.mha ?? null)),
    mlpParameters: sum(blockTensors(layers.find(({ mlp }) => mlp !== null)?.mlp ?? null)),
    totalParameters,
  };
}
