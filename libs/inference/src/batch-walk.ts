import { isRemoved, type BlockIndex, type Mask, type UnitKind } from '@blockpruner/blocks';
import type { EmbeddingReader } from '@blockpruner/checkpoint';
import type { EvaluationSession, Pass } from './evaluation-session.ts';
import { headChunkTokens, type MicroBatch } from './micro-batch.ts';
import type { PrefixState } from './prefix-states.ts';

/** What goes together in one run: so many groups that come in, the baseline's first, and candidates that fork. */
export interface Forks {
  readonly groups: number;
  readonly forks: readonly BlockIndex[];
  readonly unit: UnitKind;
}

const ALONE: Forks = { groups: 1, forks: [], unit: 'block' };

/** The residual streams of one micro-batch, walked through the model, or a stage of it, from boundary to boundary. */
export class BatchWalk {
  readonly batch: MicroBatch;
  private readonly session: EvaluationSession;
  private readonly embedding: EmbeddingReader;
  private readonly chunkTokens: number;

  constructor(
    session: EvaluationSession,
    embedding: EmbeddingReader,
    batch: MicroBatch,
    maxHeadChunkTokens: number,
  ) {
    this.session = session;
    this.embedding = embedding;
    this.batch = batch;
    this.chunkTokens = headChunkTokens(batch.positions, maxHeadChunkTokens);
  }

  /** Where the stage ends. */
  get end(): BlockIndex {
    return this.session.stage.end;
  }

  /** Whether the head is behind the stage. */
  get isLast(): boolean {
    return this.session.isLast;
  }

  /** The stream at the embedding. */
  start(): PrefixState {
    return { boundary: 0, values: this.embedding.read(this.batch.inputIds) };
  }

  /** The streams at a later boundary of the stage, past the blocks that the mask leaves; those that fork come last. */
  async advance(
    state: PrefixState,
    boundary: BlockIndex,
    mask: Mask,
    forks: Forks = ALONE,
  ): Promise<PrefixState> {
    const isLive = (block: BlockIndex): boolean =>
      block >= state.boundary && block < boundary && !isRemoved(mask, block);
    for (let block = state.boundary; block < boundary; block++) {
      if (isLive(block))
        return { boundary, values: await this.session.hidden(this.pass(state, isLive, forks)) };
    }
    return { boundary, values: state.values };
  }

  /**
   * The rest of the way and the head, in the last stage.
   * @returns negative log-likelihoods in nats `[groups + forks, rows, positions]`, those that came in first
   */
  nll(state: PrefixState, mask: Mask, forks: Forks = ALONE): Promise<Float32Array> {
    const isLive = (block: BlockIndex): boolean => block >= state.boundary && !isRemoved(mask, block);
    return this.session.nll(this.pass(state, isLive, forks), this.batch.targets, this.chunkTokens);
  }

  /**
   * The block of the stage that makes the stream not finite, by bisection: once it is not finite it stays so. The block
   * before the stage where the stream comes in so, and the one behind it where none of the stage's is at fault.
   */
  async firstNonFinite(from: PrefixState, mask: Mask): Promise<number> {
    if (!allFinite(from.values)) return from.boundary - 1;
    let finite = from.boundary;
    let end = this.end + 1;
    while (end - finite > 1) {
      const middle = (finite + end) >> 1;
      if (allFinite((await this.advance(from, middle, mask)).values)) finite = middle;
      else end = middle;
    }
    return finite;
  }

  private pass(state: PrefixState, keep: (block: BlockIndex) => boolean, forks: Forks): Pass {
    const { rows, positions } = this.batch;
    return { x: state.values, rows: rows.length, tokens: positions, keep, ...forks };
  }
}

export function allFinite(values: Float32Array): boolean {
  return values.every(Number.isFinite);
}
