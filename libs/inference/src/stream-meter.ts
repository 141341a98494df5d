import { CPU_SHAPE_PLAN, formatBlock, makeMask, type BlockIndex, type Healing } from '@blockpruner/blocks';
import { EmbeddingReader, type Checkpoint } from '@blockpruner/checkpoint';
import { scoreOf, type IndexedRow } from '@blockpruner/perplexity';
import { BatchWalk } from './batch-walk.ts';
import { EvaluationSession, type SessionOptions } from './evaluation-session.ts';
import { advanceHealed } from './healed-walk.ts';
import { magnitudeRatio } from './magnitude-ratio.ts';
import { microBatches } from './micro-batch.ts';

/**
 * Measures by what the residual stream is to be multiplied in the place of removed blocks, so that what comes behind
 * finds it as large as it was (Prune&Comp, arXiv 2507.18212).
 *
 * Invariants:
 * 1. Rows go through one at a time: memory is that of a row's stream, whatever their number.
 * 2. A block is measured in the model without the blocks that were removed before it, each replaced by its factor: the
 *    factors of the first K blocks of an order are those of an order of K blocks.
 */
export class StreamMeter {
  private readonly session: EvaluationSession;
  private readonly embedding: EmbeddingReader;
  private readonly checkpoint: Checkpoint;

  private constructor(session: EvaluationSession, checkpoint: Checkpoint) {
    this.session = session;
    this.checkpoint = checkpoint;
    this.embedding = new EmbeddingReader(checkpoint);
  }

  /** @throws Error that says in one line what the device lacks */
  static async load(checkpoint: Checkpoint, options: SessionOptions): Promise<StreamMeter> {
    return new StreamMeter(await EvaluationSession.load(checkpoint, options), checkpoint);
  }

  /**
   * @param rows for the magnitudes; each counts the same, and its last token is left out, as it is of every evaluation
   * @param order the removed blocks, in the order in which they were removed
   * @param onMeasured told of each block's factor as it is known
   * @returns the factor of each block of the order
   * @throws RangeError when there is no row, a block is named twice, or the stream around one is not finite
   */
  async measure(
    rows: readonly IndexedRow[],
    order: readonly BlockIndex[],
    onMeasured: (block: BlockIndex, factor: number) => void = () => undefined,
  ): Promise<Healing> {
    makeMask(order);
    const healing = new Map<BlockIndex, number>();
    const walks = this.walksOf(rows);
    for (const block of order) {
      let total = 0;
      for (const walk of walks) total += await this.ratioOf(walk, block, healing);
      const factor = total / walks.length;
      if (!Number.isFinite(factor)) {
        throw new RangeError(
          `the stream around ${formatBlock(block)} is not finite: score the model to find why`,
        );
      }
      healing.set(block, factor); // (2)
      onMeasured(block, factor);
    }
    return healing;
  }

  /**
   * The score, in nats, of the model whose removed blocks are replaced by their factors.
   * @throws RangeError when there is no row
   */
  async score(rows: readonly IndexedRow[], healing: Healing): Promise<number> {
    const mask = makeMask([...healing.keys()]);
    const means: number[] = [];
    for (const walk of this.walksOf(rows)) {
      const state = await advanceHealed(walk, walk.start(), this.session.stage.end, healing);
      const nll = await walk.nll(state, mask);
      means.push(nll.reduce((sum, value) => sum + value, 0) / nll.length);
    }
    return scoreOf(means);
  }

  async close(): Promise<void> {
    this.embedding.close();
    await this.session.close();
  }

  private walksOf(rows: readonly IndexedRow[]): BatchWalk[] {
    if (rows.length === 0) throw new RangeError('no row to measure with: give at least one');
    const plan = CPU_SHAPE_PLAN; // (1)
    return microBatches(rows, plan).map(
      (batch) => new BatchWalk(this.session, this.embedding, batch, plan.headChunkTokens),
    );
  }

  private async ratioOf(walk: BatchWalk, block: BlockIndex, healing: Healing): Promise<number> {
    const before = await advanceHealed(walk, walk.start(), block, healing);
    const after = await walk.advance(before, block + 1, makeMask([...healing.keys()]));
    return magnitudeRatio({ before: before.values, after: after.values }, this.checkpoint.shape.hiddenSize);
  }
}
