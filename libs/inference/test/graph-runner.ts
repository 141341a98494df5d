import { EmbeddingReader, type Checkpoint } from '@blockpruner/checkpoint';
import { buildEvaluationGraph, ropeTables, type GraphOptions } from '@blockpruner/graph';
import * as ort from 'onnxruntime-node';

/** One run of a stage; gates count from the stage's first block. What is left out keeps all and forks none. */
export interface StageRun {
  /** `[groups · rows, tokens, hidden]` */
  readonly x: Float32Array;
  readonly rows: number;
  readonly tokens: number;
  readonly keep?: readonly boolean[];
  readonly fork?: readonly boolean[];
  readonly forkLayer?: readonly boolean[];
  /** `[rows · tokens]`; for the stage with the head. */
  readonly targets?: BigInt64Array;
  /** Of the head; `tokens` when left out. */
  readonly chunkTokens?: number;
}

/** An evaluation graph by itself in onnxruntime on the CPU, with nothing of the engine around it. */
export class GraphRunner {
  readonly options: GraphOptions;
  private readonly session: ort.InferenceSession;
  private readonly checkpoint: Checkpoint;

  private constructor(session: ort.InferenceSession, checkpoint: Checkpoint, options: GraphOptions) {
    this.session = session;
    this.checkpoint = checkpoint;
    this.options = options;
  }

  static async load(
    checkpoint: Checkpoint,
    given: Partial<GraphOptions> = {},
    threads = 1,
  ): Promise<GraphRunner> {
    const whole = { start: 0, end: 2 * checkpoint.shape.layerCount };
    const options: GraphOptions = { dtype: 'float32', attention: 'grouped', stage: whole, ...given };
    const graph = buildEvaluationGraph(checkpoint, options);
    const session = await ort.InferenceSession.create(graph.modelBytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      extra: {
        session: {
          model_external_initializers_file_folder_path: graph.externalDataFolder,
          // Threads that wait by spinning take the processors of the tests beside this one.
          intra_op: { allow_spinning: '0' },
        },
      },
    });
    return new GraphRunner(session, checkpoint, options);
  }

  /** @returns `hidden [groups · rows, tokens, hidden]` and `nll [groups · rows · tokens]`, empty without the head */
  async run(run: StageRun): Promise<{ hidden: Float32Array; nll: Float32Array }> {
    const { x, rows, tokens, targets } = run;
    const { hiddenSize, headSize } = this.checkpoint.shape;
    const blockCount = this.options.stage.end - this.options.stage.start;
    const { cos, sin } = ropeTables(this.checkpoint, tokens);
    const results = await this.session.run({
      x: new ort.Tensor('float32', x, [x.length / tokens / hiddenSize, tokens, hiddenSize]),
      row_count: new ort.Tensor('int64', BigInt64Array.of(BigInt(rows)), [1]),
      keep: gates(run.keep, blockCount, 1),
      fork: gates(run.fork, blockCount, 0),
      fork_layer: gates(run.forkLayer, blockCount / 2, 0),
      cos: new ort.Tensor('float32', cos, [tokens, headSize / 2]),
      sin: new ort.Tensor('float32', sin, [tokens, headSize / 2]),
      ...(targets && {
        targets: new ort.Tensor('int64', targets, [targets.length]),
        run_head: new ort.Tensor('bool', Uint8Array.of(1), []),
        chunk_tokens: new ort.Tensor('int64', BigInt64Array.of(BigInt(run.chunkTokens ?? tokens)), []),
      }),
    });
    return {
      hidden: results.hidden.data as Float32Array,
      nll: run.targets ? (results.nll.data as Float32Array) : new Float32Array(),
    };
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

function gates(flags: readonly boolean[] | undefined, count: number, otherwise: 0 | 1): ort.Tensor {
  const values = flags ? Uint8Array.from(flags, Number) : new Uint8Array(count).fill(otherwise);
  return new ort.Tensor('bool', values, [values.length]);
}

/** The first stage's input for rows of one length: embeddings and targets. */
export function stageInput(
  checkpoint: Checkpoint,
  rows: readonly Int32Array[],
): { x: Float32Array; rows: number; tokens: number; targets: BigInt64Array } {
  const tokens = rows[0].length - 1;
  const inputs = Int32Array.from(rows.flatMap((row) => [...row.subarray(0, tokens)]));
  const targets = BigInt64Array.from(rows.flatMap((row) => [...row.subarray(1)]).map(BigInt));
  const embedding = new EmbeddingReader(checkpoint);
  const x = embedding.read(inputs);
  embedding.close();
  return { x, rows: rows.length, tokens, targets };
}
