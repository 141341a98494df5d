import { join } from 'node:path';
import { readWholeFile, type Checkpoint } from '@blockpruner/checkpoint';
import { buildDecoderGraph, type DecoderOptions } from '@blockpruner/graph';
import * as ort from 'onnxruntime-node';
import { isAllocationFailure, isProviderFailure } from './allocation-failure.ts';
import { GRAPH_DTYPE, type Dtype } from './dtype.ts';
import { cacheBytesPerToken, cacheSlots, KeyValueCache, type CacheSlot } from './key-value-cache.ts';
import { createSession, type LoadOptions } from './onnx-session.ts';
import { EXPORT_AGAIN, readRuntimeConfig } from './runtime-config.ts';

/** Tokens of a long prompt that go through the model together: products are at their peak, and logits stay few. */
const PREFILL_CHUNK_TOKENS = 256;
/** No protobuf message is larger. */
const MAX_GRAPH_BYTES = 2 ** 31 - 1;

/** A decoder graph loaded into onnxruntime: tokens in, logits of the next ones out. A run blocks the calling thread. */
export class DecoderSession {
  /** Tokens of a text at most: what the model was made for. */
  readonly contextTokens: number;
  readonly vocabSize: number;
  private readonly session: ort.InferenceSession;
  private readonly slots: readonly CacheSlot[];

  private constructor(session: ort.InferenceSession, contextTokens: number) {
    this.session = session;
    this.contextTokens = contextTokens;
    this.slots = cacheSlots(session);
    const logits = session.outputMetadata.find(({ name }) => name === 'logits');
    const vocabSize = logits?.isTensor ? logits.shape[2] : undefined;
    if (typeof vocabSize !== 'number') {
      throw new Error('the graph has no output logits [batch, tokens, vocabulary]');
    }
    this.vocabSize = vocabSize;
  }

  /** Builds the graph of a checkpoint, whose layers may lack a block. */
  static async ofCheckpoint(
    checkpoint: Checkpoint,
    options: LoadOptions & { readonly dtype: Dtype; readonly logits: DecoderOptions['logits'] },
  ): Promise<DecoderSession> {
    const { dtype, logits } = options;
    const graph = buildDecoderGraph(checkpoint, { dtype: GRAPH_DTYPE[dtype], logits });
    return new DecoderSession(await createSession(graph, options), checkpoint.maxPositionTokens);
  }

  /**
   * Loads the graph of an exported folder, `model.onnx` beside its `genai_config.json`.
   * @throws Error that names the file and what it lacks
   */
  static async ofFolder(folder: string, options: LoadOptions): Promise<DecoderSession> {
    const { file, contextTokens } = await readRuntimeConfig(folder);
    const path = join(folder, file);
    const graph = { modelBytes: await readWholeFile(path, MAX_GRAPH_BYTES), externalDataFolder: folder };
    try {
      return new DecoderSession(await createSession(graph, options), contextTokens);
    } catch (error) {
      const { message } = error as Error;
      if (isAllocationFailure(message) || isProviderFailure(message)) throw error;
      throw new Error(`${path}: ${message.split('\n')[0]}; ${EXPORT_AGAIN}`, { cause: error });
    }
  }

  /** Of keys and values. */
  get cacheBytesPerToken(): number {
    return cacheBytesPerToken(this.slots);
  }

  /** An empty cache for a text of at most so many tokens. */
  startCache(capacityTokens: number): KeyValueCache {
    return new KeyValueCache(this.slots, capacityTokens);
  }

  /**
   * Takes tokens behind those of the cache, all in one run.
   * @returns logits `[tokens, vocabulary]`, or `[1, vocabulary]` of the last where the graph computes no others
   */
  async advance(cache: KeyValueCache, tokenIds: Int32Array): Promise<Float32Array> {
    const count = tokenIds.length;
    const total = cache.tokens + count;
    if (total > cache.capacityTokens) {
      throw new RangeError(`${total} tokens do not fit a cache of ${cache.capacityTokens}`);
    }
    const { logits } = await this.session.run(
      {
        input_ids: new ort.Tensor('int64', BigInt64Array.from(tokenIds, BigInt), [1, count]),
        attention_mask: new ort.Tensor('int64', new BigInt64Array(total).fill(1n), [1, total]),
        ...cache.past,
      },
      { logits: null, ...cache.present },
    );
    cache.tokens = total;
    return logits.data as Float32Array;
  }

  /**
   * Takes a prompt of any length, in chunks.
   * @returns logits `[vocabulary]` of the token behind it
   */
  async prefill(
    cache: KeyValueCache,
    tokenIds: Int32Array,
    chunkTokens: number = PREFILL_CHUNK_TOKENS,
  ): Promise<Float32Array> {
    let logits: Float32Array = new Float32Array();
    for (let start = 0; start < tokenIds.length; start += chunkTokens) {
      logits = await this.advance(cache, tokenIds.subarray(start, start + chunkTokens));
    }
    return logits.subarray(-this.vocabSize);
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
