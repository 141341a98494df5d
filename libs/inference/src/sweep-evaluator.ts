import {
  checkSweep,
  isRemoved,
  segmentsOf,
  type Mask,
  type Segment,
  type ShapePlan,
  type Sweep,
} from '@blockpruner/blocks';
import { EmbeddingReader, type Checkpoint } from '@blockpruner/checkpoint';
import { windowSums, type Cell, type Evaluator, type IndexedRow } from '@blockpruner/perplexity';
import { EvaluationSession, type SessionOptions } from './evaluation-session.ts';
import { headChunkTokens, microBatches, type MicroBatch } from './micro-batch.ts';
import { NonFiniteError } from './non-finite-error.ts';
import { PrefixStates, type PrefixState } from './prefix-states.ts';

const PREFIX_STATE_BUDGET_BYTES = 256 * 1024 * 1024;

/**
 * Evaluates sweeps with shared prefixes: the baseline's residual stream is walked once, up to the last
 * candidate, and every candidate starts from it. Equal bit for bit, on CPU, to evaluating each mask on its own.
 */
export class SweepEvaluator implements Evaluator {
  private readonly session: EvaluationSession;
  private readonly embedding: EmbeddingReader;
  private readonly blockCount: number;
  private readonly states = new PrefixStates(PREFIX_STATE_BUDGET_BYTES);

  private constructor(session: EvaluationSession, checkpoint: Checkpoint) {
    this.session = session;
    this.embedding = new EmbeddingReader(checkpoint);
    this.blockCount = 2 * checkpoint.shape.layerCount;
  }

  static async load(checkpoint: Checkpoint, options: SessionOptions): Promise<SweepEvaluator> {
    return new SweepEvaluator(await EvaluationSession.load(checkpoint, options), checkpoint);
  }

  async evaluate(
    sweep: Sweep,
    rows: readonly IndexedRow[],
    plan: ShapePlan,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    checkSweep(sweep, this.blockCount);
    for (const batch of microBatches(rows, plan.microBatchRows)) {
      await this.evaluateBatch(sweep, batch, plan, onCells, signal);
    }
  }

  async close(): Promise<void> {
    this.embedding.close();
    await this.session.close();
  }

  private async evaluateBatch(
    sweep: Sweep,
    batch: MicroBatch,
    plan: ShapePlan,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const first = sweep.candidates.at(0) ?? this.blockCount;
    let state = this.states.find(batch.rowIndices, batch.tokenIds, sweep.base, first) ?? {
      boundary: 0,
      values: this.embedding.read(batch.inputIds),
    };
    const chunk = headChunkTokens(batch.positions, plan.headChunkTokens);
    for (const segment of segmentsOf(sweep.candidates, plan.segmentCandidates)) {
      signal?.throwIfAborted();
      state = await this.advance(state, segment.start, sweep.base, batch);
      this.states.keep(batch.rowIndices, batch.tokenIds, sweep.base, state);
      const groups = await this.runSegment(state, segment, sweep.base, batch, chunk);
      onCells(groups.flatMap((nll, i) => cellsOf(sweep.base, segment.candidates[i], batch, nll)));
    }
    if (sweep.baseline) {
      signal?.throwIfAborted();
      const pass = this.pass(
        state,
        batch,
        (block) => block >= state.boundary && !isRemoved(sweep.base, block),
      );
      const nll = await this.session.nll(pass, batch.targets, chunk);
      if (!allFinite(nll)) throw await this.nonFiniteError(sweep.base, batch);
      onCells(cellsOf(sweep.base, null, batch, nll));
    }
  }

  /** Finds the block at fault by bisection: once a residual stream is not finite it stays so. */
  private async nonFiniteError(base: Mask, batch: MicroBatch): Promise<NonFiniteError> {
    const start = { boundary: 0, values: this.embedding.read(batch.inputIds) };
    let finite = allFinite(start.values) ? 0 : -1;
    let end = finite < 0 ? 0 : this.blockCount + 1;
    while (end - finite > 1) {
      const middle = (finite + end) >> 1;
      const isFinite = allFinite((await this.advance(start, middle, base, batch)).values);
      if (isFinite) finite = middle;
      else end = middle;
    }
    return new NonFiniteError(base, batch.rowIndices[0], finite, this.blockCount);
  }

  /** Walks the baseline to a later boundary. */
  private async advance(
    state: PrefixState,
    boundary: number,
    base: Mask,
    batch: MicroBatch,
  ): Promise<PrefixState> {
    const live = (block: number): boolean =>
      block >= state.boundary && block < boundary && !isRemoved(base, block);
    const pass = this.pass(state, batch, live);
    const values = pass.keep.includes(true) ? await this.session.hidden(pass) : state.values;
    return { boundary, values };
  }

  /** @returns one `[rows, positions]` array of negative log-likelihoods a candidate */
  private async runSegment(
    state: PrefixState,
    segment: Segment,
    base: Mask,
    batch: MicroBatch,
    chunk: number,
  ): Promise<Float32Array[]> {
    const live = (block: number): boolean => block >= state.boundary && !isRemoved(base, block);
    if (segment.candidates.length === 1) {
      // Alone, a candidate is the pass without its block: the baseline group would be computed for nothing.
      const pass = this.pass(state, batch, (block) => live(block) && block !== segment.start);
      return [await this.session.nll(pass, batch.targets, chunk)];
    }
    const pass = this.pass(state, batch, live, (block) => segment.candidates.includes(block));
    const nll = await this.session.nll(pass, batch.targets, chunk);
    const size = batch.targets.length;
    return segment.candidates.map((_, i) => nll.subarray((i + 1) * size, (i + 2) * size));
  }

  private pass(
    state: PrefixState,
    batch: MicroBatch,
    keep: (block: number) => boolean,
    fork: (block: number) => boolean = () => false,
  ): { x: Float32Array; batch: number; tokens: number; keep: boolean[]; fork: boolean[] } {
    const blocks = Array.from({ length: this.blockCount }, (_, block) => block);
    return {
      x: state.values,
      batch: batch.rows.length,
      tokens: batch.positions,
      keep: blocks.map(keep),
      fork: blocks.map(fork),
    };
  }
}

function allFinite(values: Float32Array): boolean {
  return values.every(Number.isFinite);
}

function cellsOf(mask: Mask, candidate: number | null, batch: MicroBatch, nll: Float32Array): Cell[] {
  return batch.rows.map((row, i) => ({
    mask,
    candidate,
    row: row.index,
    windowSums: windowSums(nll.subarray(i * batch.positions, (i + 1) * batch.positions)),
  }));
}
