import { join } from 'node:path';
import { largestStageBytes, type BlockIndex, type UnitKind } from '@blockpruner/blocks';
import { widenToFloat32, type Checkpoint } from '@blockpruner/checkpoint';
import { buildEvaluationGraph, ropeTables, type GraphOptions } from '@blockpruner/graph';
import * as ort from 'onnxruntime-node';
import { attentionOf, GRAPH_DTYPE, type Dtype } from './dtype.ts';
import { createSession } from './onnx-session.ts';
import type { SharedWeights } from './shared-weights.ts';

export interface SessionOptions {
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  readonly threads: number;
  /** Of the work inside blocks; fp32 where absent. */
  readonly dtype?: Dtype;
  /** Blocks `[start, end)`, whole layers; the whole model where absent. */
  readonly stage?: { readonly start: BlockIndex; readonly end: BlockIndex };
  /** Cache folder of the pre-packed weights that processes of this machine share; each packs its own where absent. */
  readonly sharedWeightsFolder?: string;
  /** Told in one line why weights that were to be shared are not. */
  readonly onNotShared?: (reason: string) => void;
}

/** One pass through a stage: which blocks it takes and where candidates fork. */
export interface Pass {
  /** `[groups · rows, tokens, hidden]`, the baseline's group first. */
  readonly x: Float32Array;
  readonly groups: number;
  readonly rows: number;
  readonly tokens: number;
  /** Whether a block of the stage is computed. */
  readonly keep: (block: BlockIndex) => boolean;
  /** First blocks of the candidates that fork in this pass. */
  readonly forks: readonly BlockIndex[];
  readonly unit: UnitKind;
}

/**
 * The evaluation graph of a checkpoint, or of a stage of it, loaded into onnxruntime. A run blocks the calling
 * thread for as long as it takes: keep it out of a process that has to answer anyone.
 */
export class EvaluationSession {
  readonly stage: { readonly start: BlockIndex; readonly end: BlockIndex };
  private readonly session: ort.InferenceSession;
  private readonly checkpoint: Checkpoint;
  private rope: { tokens: number; cos: ort.Tensor; sin: ort.Tensor } | undefined;

  private constructor(session: ort.InferenceSession, checkpoint: Checkpoint, options: SessionOptions) {
    this.session = session;
    this.checkpoint = checkpoint;
    this.stage = options.stage ?? { start: 0, end: 2 * checkpoint.shape.layerCount };
  }

  /** @throws Error that says in one line what the device lacks */
  static async load(checkpoint: Checkpoint, options: SessionOptions): Promise<EvaluationSession> {
    const { device, dtype = 'fp32', stage } = options;
    const variant = { dtype: GRAPH_DTYPE[dtype], attention: attentionOf(device, dtype), stage };
    const graph = buildEvaluationGraph(checkpoint, variant);
    const session = await createSession(graph, options, sharedWeights(checkpoint, variant, options));
    return new EvaluationSession(session, checkpoint, options);
  }

  /** Whether the stage ends in the head. */
  get isLast(): boolean {
    return this.stage.end === 2 * this.checkpoint.shape.layerCount;
  }

  /**
   * Runs the pass without the head.
   * @returns the residual stream behind the stage, `[groups + forks, rows, tokens, hidden]`
   */
  async hidden(pass: Pass): Promise<Float32Array> {
    const groupRows = (pass.groups + pass.forks.length) * pass.rows;
    const { hiddenSize } = this.checkpoint.shape;
    const values = new Float32Array(groupRows * pass.tokens * hiddenSize);
    // A tensor given as the fetch is filled in place, so no output waits for the garbage collector.
    const fetches = { hidden: new ort.Tensor('float32', values, [groupRows, pass.tokens, hiddenSize]) };
    const head = this.isLast ? headFeeds(new BigInt64Array(pass.rows * pass.tokens), 1, false) : {};
    await this.session.run({ ...this.feeds(pass), ...head }, fetches);
    return values;
  }

  /**
   * Runs the pass through the head.
   * @param targets `[rows · tokens]`
   * @returns negative log-likelihoods in nats, `[groups + forks, rows, tokens]`: the groups that came in, then the
   *   candidates in block order
   */
  async nll(pass: Pass, targets: BigInt64Array, chunkTokens: number): Promise<Float32Array> {
    const feeds = { ...this.feeds(pass), ...headFeeds(targets, chunkTokens, true) };
    const { nll } = await this.session.run(feeds, ['nll']);
    return nll.data as Float32Array;
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  private feeds(pass: Pass): Record<string, ort.Tensor> {
    const { groups, rows, tokens, keep, forks, unit } = pass;
    const { start, end } = this.stage;
    const { cos, sin } = this.ropeFor(tokens);
    const blocks = Array.from({ length: end - start }, (_, i) => start + i);
    const layers = blocks.filter((block) => block % 2 === 0);
    return {
      x: new ort.Tensor('float32', pass.x, [groups * rows, tokens, this.checkpoint.shape.hiddenSize]),
      row_count: new ort.Tensor('int64', BigInt64Array.of(BigInt(rows)), [1]),
      keep: gates(blocks.map(keep)),
      fork: gates(blocks.map((block) => unit === 'block' && forks.includes(block))),
      fork_layer: gates(layers.map((block) => unit === 'layer' && forks.includes(block))),
      cos,
      sin,
    };
  }

  private ropeFor(tokens: number): { cos: ort.Tensor; sin: ort.Tensor } {
    if (this.rope?.tokens !== tokens) {
      const { cos, sin } = ropeTables(this.checkpoint, tokens);
      const dims = [tokens, this.checkpoint.shape.headSize / 2];
      this.rope = {
        tokens,
        cos: new ort.Tensor('float32', cos, dims),
        sin: new ort.Tensor('float32', sin, dims),
      };
    }
    return this.rope;
  }
}

/** Of a CPU in fp32, where the weights take the most memory and every worker holds the same. */
function sharedWeights(
  checkpoint: Checkpoint,
  variant: Partial<GraphOptions>,
  { device, dtype = 'fp32', sharedWeightsFolder, onNotShared = () => undefined }: SessionOptions,
): SharedWeights | undefined {
  if (sharedWeightsFolder === undefined || device !== 'cpu' || dtype !== 'fp32') return undefined;
  const { start, end } = variant.stage ?? { start: 0, end: 2 * checkpoint.shape.layerCount };
  const layers = { start: start / 2, end: end / 2 };
  return {
    cacheFolder: sharedWeightsFolder,
    onNotShared,
    fingerprint: checkpoint.fingerprint,
    weightBytes: largestStageBytes(checkpoint.shape, 1, { bytesPerWeight: 4 }),
    widen: async (folder) => {
      const weights = checkpoint.layers
        .slice(layers.start, layers.end)
        .flatMap(({ mha, mlp }) => [...(mha ? [mha.q.weight] : []), ...(mlp ? [mlp.up.weight] : [])]);
      const is16Bit = [checkpoint.head, ...weights].some(({ dtype }) => dtype !== 'float32');
      const source = is16Bit
        ? await widenToFloat32(checkpoint, join(folder, 'weights.bin'), layers)
        : checkpoint;
      return buildEvaluationGraph(source, variant);
    },
  };
}

function headFeeds(
  targets: BigInt64Array,
  chunkTokens: number,
  runHead: boolean,
): Record<string, ort.Tensor> {
  return {
    run_head: new ort.Tensor('bool', Uint8Array.of(runHead ? 1 : 0), []),
    chunk_tokens: new ort.Tensor('int64', BigInt64Array.of(BigInt(chunkTokens)), []),
    targets: new ort.Tensor('int64', targets, [targets.length]),
  };
}

function gates(flags: readonly boolean[]): ort.Tensor {
  return new ort.Tensor('bool', Uint8Array.from(flags, Number), [flags.length]);
}
