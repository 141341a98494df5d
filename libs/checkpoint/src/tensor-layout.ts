import { blockIndex, isAbsent, type BlockKind, type ModelShape } from '@blockpruner/blocks';
import type { TensorNames } from './architecture.ts';
import type { Checkpoint, LayerTensors, LinearTensors, ModelTensors } from './checkpoint.ts';
import type { ModelConfig } from './model-config.ts';

/** What says which tensors there are, and their shapes. */
export type TensorLayout = Pick<ModelConfig, 'biases' | 'sizes' | 'tiedHead'>;

/** Which tensor of a model one is. */
export interface TensorRole {
  readonly module: keyof TensorNames;
  readonly part: 'weight' | 'bias';
  /** Null for the embedding, the final norm and the head. */
  readonly layer: number | null;
}

/**
 * Walks every tensor that a config calls for, in file order (embedding, layers, final norm, head), and builds the
 * tree of what `place` makes of each. The same roles are visited in the same order whatever the naming.
 * @param place called once a tensor; a tied head is not visited
 */
export function layOutTensors<T>(
  config: TensorLayout,
  names: TensorNames,
  place: (name: string, shape: readonly number[], role: TensorRole) => T,
): ModelTensors<T> {
  const { biases, sizes } = config;
  const { hiddenSize, intermediateSize, vocabSize } = sizes;
  const absent = (kind: BlockKind, layer: number) => isAbsent(sizes, blockIndex(kind, layer));
  const qSize = sizes.headCount * sizes.headSize;
  const kvSize = sizes.kvHeadCount * sizes.headSize;

  const put = (
    module: keyof TensorNames,
    part: TensorRole['part'],
    shape: readonly number[],
    layer: number | null = null,
  ): T => place(`${names[module].replace('{layer}', String(layer))}.${part}`, shape, { module, part, layer });

  const embedding = put('embedding', 'weight', [vocabSize, hiddenSize]);
  const layers = Array.from({ length: sizes.layerCount }, (_, layer) => {
    const norm = (module: keyof TensorNames) => put(module, 'weight', [hiddenSize], layer);
    const linear = (
      module: keyof TensorNames,
      out: number,
      width: number,
      bias: boolean,
    ): LinearTensors<T> => ({
      weight: put(module, 'weight', [out, width], layer),
      bias: bias ? put(module, 'bias', [out], layer) : null,
    });
    return {
      mha: absent('mha', layer)
        ? null
        : {
            norm: norm('mhaNorm'),
            q: linear('q', qSize, hiddenSize, biases.qkv),
            k: linear('k', kvSize, hiddenSize, biases.qkv),
            v: linear('v', kvSize, hiddenSize, biases.qkv),
            o: linear('o', hiddenSize, qSize, biases.o),
          },
      mlp: absent('mlp', layer)
        ? null
        : {
            norm: norm('mlpNorm'),
            gate: linear('gate', intermediateSize, hiddenSize, biases.mlp),
            up: linear('up', intermediateSize, hiddenSize, biases.mlp),
            down: linear('down', hiddenSize, intermediateSize, biases.mlp),
          },
    };
  });
  const finalNorm = put('finalNorm', 'weight', [hiddenSize]);
  const head = config.tiedHead ? embedding : put('head', 'weight', [vocabSize, hiddenSize]);
  return { embedding, layers, finalNorm, head };
}

/** The tensor of a role; null where the model has none: an absent block, or no bias. */
export function tensorOf<T>(model: ModelTensors<T>, { module, part, layer }: TensorRole): T | null {
  if (module === 'embedding' || module === 'finalNorm' || module === 'head') return model[module];
  const { mha, mlp } = model.layers[layer!];
  switch (module) {
    case 'mhaNorm':
      return mha && mha.norm;
    case 'mlpNorm':
      return mlp && mlp.norm;
    case 'q':
    case 'k':
    case 'v':
    case 'o':
      return mha && mha[module][part];
    case 'gate':
    case 'up':
    case 'down':
      return mlp && mlp[module][part];
  }
}

/** The layout of a model that is open. A bias that no block is left to have is none. */
export function layoutOf({ layers, shape, tiedHead }: Checkpoint): TensorLayout {
  const mha = layers.find((layer) => layer.mha !== null)?.mha;
  const mlp = layers.find((layer) => layer.mlp !== null)?.mlp;
  const biased = (linear?: LinearTensors) => linear !== undefined && linear.bias !== null;
  return {
    biases: { qkv: biased(mha?.q), o: biased(mha?.o), mlp: biased(mlp?.gate) },
    sizes: shape,
    tiedHead,
  };
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
