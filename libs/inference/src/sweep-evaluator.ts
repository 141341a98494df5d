import {
  checkSweep,
  makeMask,
  segmentsOf,
  unitBlocks,
  unitEnd,
  unitOf,
  type BlockIndex,
  type Mask,
  type Segment,
  type ShapePlan,
  type Sweep,
} from '@blockpruner/blocks';
import { EmbeddingReader, type Checkpoint } from '@blockpruner/checkpoint';
import type { Cell, Evaluator, IndexedRow } from '@blockpruner/perplexity';
import { cellsOf, groupCells } from './batch-cells.ts';
import { allFinite, BatchWalk } from './batch-walk.ts';
import { EvaluationSession, type SessionOptions } from './evaluation-session.ts';
import { microBatches } from './micro-batch.ts';
import { NonFiniteError } from './non-finite-error.ts';
import { LATEST_WORTH, PrefixStates, type PrefixState } from './prefix-states.ts';
import { stateBoundaries, type StateBoundary } from './state-boundaries.ts';

const DEFAULT_STATE_BUDGET_BYTES = 256 * 2 ** 20;

/** How a sweep evaluator is set up. */
export interface SweepOptions extends SessionOptions {
  /** Host memory for residual streams that are kept between tasks and iterations. */
  readonly stateBudgetBytes?: number;
}

/**
 * Evaluates sweeps with shared prefixes: the baseline's residual stream is walked once, up to the last
 * candidate, and every candidate starts from it. Equal bit for bit, on CPU, to evaluating each mask on its own.
 */
export class SweepEvaluator implements Evaluator {
  /** To measure on, between evaluations. */
  readonly session: EvaluationSession;
  private readonly embedding: EmbeddingReader;
  private readonly blockCount: number;
  /** Of a stream, by the boundary where it forks. */
  private readonly boundaries: readonly (readonly StateBoundary[])[];
  private readonly states: PrefixStates;

  private constructor(session: EvaluationSession, checkpoint: Checkpoint, options: SweepOptions) {
    this.session = session;
    this.embedding = new EmbeddingReader(checkpoint);
    this.blockCount = 2 * checkpoint.shape.layerCount;
    this.boundaries = Array.from({ length: this.blockCount + 1 }, (_, fork) =>
      stateBoundaries(this.blockCount, fork, checkpoint.shape.hiddenSize),
    );
    this.states = new PrefixStates(options.stateBudgetBytes ?? DEFAULT_STATE_BUDGET_BYTES);
  }

  static async load(checkpoint: Checkpoint, options: SweepOptions): Promise<SweepEvaluator> {
    return new SweepEvaluator(await EvaluationSession.load(checkpoint, options), checkpoint, options);
  }

  async evaluate(
    sweep: Sweep,
    rows: readonly IndexedRow[],
    plan: ShapePlan,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    checkSweep(sweep, this.blockCount);
    this.states.narrowTo(sweep.base);
    for (const batch of microBatches(rows, plan)) {
      const walk = new BatchWalk(this.session, this.embedding, batch, plan.headChunkTokens);
      if (plan.segmentCandidates === 1) await this.evaluateOneByOne(sweep, walk, onCells, signal);
      else await this.evaluateSegments(sweep, walk, plan.segmentCandidates, onCells, signal);
    }
  }

  /** Bytes of the residual streams that are kept. */
  get heldStateBytes(): number {
    return this.states.heldBytes;
  }

  async close(): Promise<void> {
    this.embedding.close();
    await this.session.close();
  }

  /** A run a candidate: the pass without its unit, from the state nearest to its end. */
  private async evaluateOneByOne(
    sweep: Sweep,
    walk: BatchWalk,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { base } = sweep;
    const { batch } = walk;
    let baseline: PrefixState | undefined;
    for (const candidate of sweep.candidates) {
      signal?.throwIfAborted();
      const mask = makeMask([...base, ...unitBlocks(unitOf(sweep), candidate)]);
      const end = unitEnd(unitOf(sweep), candidate);
      let state = this.states.find(batch, mask, this.blockCount);
      if (state === undefined || state.boundary < end) {
        baseline = await this.baselineState(walk, base, candidate, baseline);
        state = { boundary: end, values: baseline.values };
      }
      state = await this.walkTowards(this.blockCount, walk, state, mask, end);
      onCells(cellsOf(base, candidate, batch, await walk.nll(state, mask)));
    }
    if (baseline) this.states.keep(batch, base, baseline, LATEST_WORTH);
    if (sweep.baseline) await this.evaluateBaseline(sweep, walk, baseline, onCells, signal);
  }

  /**
   * Candidates fork in groups from the baseline's stream, which goes with them to the end. Their own streams stay on the
   * device, so none is kept.
   */
  private async evaluateSegments(
    sweep: Sweep,
    walk: BatchWalk,
    segmentCandidates: number,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { base } = sweep;
    let baseline: PrefixState | undefined;
    for (const segment of segmentsOf(sweep, segmentCandidates)) {
      signal?.throwIfAborted();
      const nearest = this.nearestState(walk, base, segment.start, baseline);
      baseline = await walk.advance(nearest, segment.start, base);
      onCells(await this.runSegment(sweep, segment, walk, baseline));
    }
    if (baseline) this.states.keep(walk.batch, base, baseline, LATEST_WORTH);
    if (sweep.baseline) await this.evaluateBaseline(sweep, walk, baseline, onCells, signal);
  }

  private async runSegment(
    sweep: Sweep,
    segment: Segment,
    walk: BatchWalk,
    baseline: PrefixState,
  ): Promise<Cell[]> {
    const forks = { groups: 1, forks: segment.candidates, unit: unitOf(sweep) };
    const nll = await walk.nll(baseline, sweep.base, forks);
    return groupCells(sweep.base, segment.candidates, walk.batch, nll);
  }

  private async evaluateBaseline(
    sweep: Sweep,
    walk: BatchWalk,
    walked: PrefixState | undefined,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    signal?.throwIfAborted();
    const { base } = sweep;
    const nearest = this.nearestState(walk, base, this.blockCount, walked);
    const state = await this.walkTowards(this.blockCount, walk, nearest, base, 0);
    const nll = await walk.nll(state, base);
    if (!allFinite(nll)) {
      const block = await walk.firstNonFinite(walk.start(), base);
      throw new NonFiniteError(base, walk.batch.rowIndices[0], block, this.blockCount);
    }
    onCells(cellsOf(base, null, walk.batch, nll));
  }

  /**
   * The baseline's stream just before a candidate.
   * @param walked where this task has walked it to: the budget may not have had room for that state
   */
  private async baselineState(
    walk: BatchWalk,
    base: Mask,
    boundary: BlockIndex,
    walked: PrefixState | undefined,
  ): Promise<PrefixState> {
    const nearest = this.nearestState(walk, base, boundary, walked);
    const state = await this.walkTowards(boundary, walk, nearest, base, 0);
    return walk.advance(state, boundary, base);
  }

  private nearestState(
    walk: BatchWalk,
    mask: Mask,
    boundary: BlockIndex,
    walked: PrefixState | undefined,
  ): PrefixState {
    const kept = this.states.find(walk.batch, mask, boundary);
    if (walked && walked.boundary > (kept?.boundary ?? 0)) return walked;
    return kept ?? walk.start();
  }

  /** Walks on to the last boundary, at or below `end`, at which a state is worth keeping for the next iteration. */
  private async walkTowards(
    end: BlockIndex,
    walk: BatchWalk,
    from: PrefixState,
    mask: Mask,
    fork: BlockIndex,
  ): Promise<PrefixState> {
    let state = from;
    for (const { boundary, worth } of this.boundaries[fork]) {
      if (boundary > end) break;
      if (boundary <= state.boundary || !this.states.wants(from.values.byteLength, worth)) continue;
      state = await walk.advance(state, boundary, mask);
      this.states.keep(walk.batch, mask, state, worth);
    }
    return state;
  }
}
