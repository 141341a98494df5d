import type { Checkpoint } from '@blockpruner/checkpoint';
import { buildEvaluationGraph, ropeTables } from '@blockpruner/graph';
import * as ort from 'onnxruntime-node';

export interface SessionOptions {
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  readonly threads: number;
}

/** One pass over the model: which blocks it takes, where candidates fork, and whether it ends in the head. */
export interface Pass {
  /** `[batch, tokens, hidden]`. */
  readonly x: Float32Array;
  readonly batch: number;
  readonly tokens: number;
  /** Whether block j is computed; one flag a block. */
  readonly keep: readonly boolean[];
  /** Whether a candidate without block j forks there. */
  readonly fork: readonly boolean[];
}

/**
 * The evaluation graph of a checkpoint, loaded into onnxruntime. `run` blocks the calling thread for as long as
 * the pass takes: keep it out of a process that has to answer anyone.
 */
export class EvaluationSession {
  private readonly session: ort.InferenceSession;
  private readonly checkpoint: Checkpoint;
  private rope: { tokens: number; cos: ort.Tensor; sin: ort.Tensor } | undefined;

  private constructor(session: ort.InferenceSession, checkpoint: Checkpoint) {
    this.session = session;
    this.checkpoint = checkpoint;
  }

  static async load(checkpoint: Checkpoint, options: SessionOptions): Promise<EvaluationSession> {
    const graph = buildEvaluationGraph(checkpoint);
    const session = await ort.InferenceSession.create(graph.modelBytes, {
      executionProviders: [providerOf(options.device)],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      extra: { session: { model_external_initializers_file_folder_path: graph.externalDataFolder } },
    });
    return new EvaluationSession(session, checkpoint);
  }

  /** Runs the pass without the head. @returns the residual stream behind the last block, `[batch, tokens, hidden]` */
  async hidden(pass: Pass): Promise<Float32Array> {
    const { batch, tokens } = pass;
    const { hiddenSize } = this.checkpoint.shape;
    const values = new Float32Array(batch * tokens * hiddenSize);
    // A tensor given as the fetch is filled in place, so no output waits for the garbage collector.
    const fetches = { hidden: new ort.Tensor('float32', values, [batch, tokens, hiddenSize]) };
    await this.session.run(this.feeds(pass, new BigInt64Array(batch * tokens), 1, false), fetches);
    return values;
  }

  /**
   * Runs the pass through the head.
   * @param targets `[batch · tokens]`
   * @returns negative log-likelihoods in nats, `[groups, batch, tokens]`: the baseline, then the candidates in
   *   block order
   */
  async nll(pass: Pass, targets: BigInt64Array, chunkTokens: number): Promise<Float32Array> {
    const { nll } = await this.session.run(this.feeds(pass, targets, chunkTokens, true), ['nll']);
    return nll.data as Float32Array;
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  private feeds(
    pass: Pass,
    targets: BigInt64Array,
    chunkTokens: number,
    runHead: boolean,
  ): Record<string, ort.Tensor> {
    const { batch, tokens } = pass;
    const { cos, sin } = this.ropeFor(tokens);
    return {
      x: new ort.Tensor('float32', pass.x, [batch, tokens, this.checkpoint.shape.hiddenSize]),
      keep: gates(pass.keep),
      fork: gates(pass.fork),
      run_head: new ort.Tensor('bool', Uint8Array.of(runHead ? 1 : 0), []),
      chunk_tokens: new ort.Tensor('int64', BigInt64Array.of(BigInt(chunkTokens)), []),
      targets: new ort.Tensor('int64', targets, [targets.length]),
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

function gates(flags: readonly boolean[]): ort.Tensor {
  return new ort.Tensor('bool', Uint8Array.from(flags, Number), [flags.length]);
}

function providerOf(device: string): ort.InferenceSession.ExecutionProviderConfig {
  if (device === 'cpu') return 'cpu';
  const index = /^cuda:(\d+)$/.exec(device)?.[1];
  if (index === undefined) throw new RangeError(`device "${device}" is neither cpu nor cuda:<index>`);
  return { name: 'cuda', deviceId: Number(index) };
}
