import * as ort from 'onnxruntime-node';

/** Keys or values of one attention block, as the graph names them. */
export interface CacheSlot {
  /** Input that reads them. */
  readonly past: string;
  /** Output that writes them. */
  readonly present: string;
  readonly type: 'float32' | 'float16';
  readonly kvHeadCount: number;
  readonly headSize: number;
}

/**
 * Cached keys and values of one text. Each slot is one buffer of the whole capacity that the graph reads as the past
 * and writes as the present: a step writes the new tokens and copies nothing.
 *
 * Invariants:
 * 1. The buffers stay where they are for the life of the cache.
 * 2. `tokens`, at most `capacityTokens`, counts those that the buffers hold; what lies behind them is never read.
 */
export class KeyValueCache {
  readonly capacityTokens: number;
  tokens = 0;
  /** By the name of the input. */
  readonly past: Readonly<Record<string, ort.Tensor>>;
  /** By the name of the output: the very same tensors. */
  readonly present: Readonly<Record<string, ort.Tensor>>;

  constructor(slots: readonly CacheSlot[], capacityTokens: number) {
    this.capacityTokens = capacityTokens;
    const tensors = slots.map((slot) => [slot, emptyTensor(slot, capacityTokens)] as const);
    this.past = Object.fromEntries(tensors.map(([{ past }, tensor]) => [past, tensor]));
    this.present = Object.fromEntries(tensors.map(([{ present }, tensor]) => [present, tensor]));
  }
}

/** Bytes of one token in all slots. */
export function cacheBytesPerToken(slots: readonly CacheSlot[]): number {
  return slots.reduce(
    (sum, { type, kvHeadCount, headSize }) => sum + kvHeadCount * headSize * (type === 'float32' ? 4 : 2),
    0,
  );
}

/**
 * The slots of a decoder graph, read from what the session says of its inputs.
 * @throws Error naming an input that is no decoder's
 */
export function cacheSlots({ inputMetadata, outputNames }: ort.InferenceSession): CacheSlot[] {
  return inputMetadata
    .filter(({ name }) => name.startsWith('past_key_values.'))
    .map((input) => {
      const { name: past } = input;
      const present = past.replace('past_key_values.', 'present.');
      const [, kvHeadCount, , headSize] = input.isTensor ? input.shape : [];
      const type = input.isTensor ? input.type : undefined;
      if (
        typeof kvHeadCount !== 'number' ||
        typeof headSize !== 'number' ||
        (type !== 'float32' && type !== 'float16') ||
        !outputNames.includes(present)
      ) {
        throw new Error(
          `the graph's ${past} is no cache of keys or values [batch, heads, tokens, head size] in fp32 or fp16 with an output ${present}`,
        );
      }
      return { past, present, type, kvHeadCount, headSize };
    });
}

function emptyTensor({ type, kvHeadCount, headSize }: CacheSlot, capacityTokens: number): ort.Tensor {
  const dims = [1, kvHeadCount, capacityTokens, headSize];
  const size = kvHeadCount * capacityTokens * headSize;
  if (type === 'float32') return new ort.Tensor(type, new Float32Array(size), dims);
  const bits = new Uint16Array(size);
  // onnxruntime-common makes a Float16Array of them where there is one, which onnxruntime-node 1.30 cannot read.
  return Object.assign(new ort.Tensor(type, bits, dims), { cpuData: bits });
}
