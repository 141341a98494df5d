import type { StageRange, Sweep } from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import { cellsOf } from './batch-cells.ts';
import { allFinite, type BatchWalk } from './batch-walk.ts';
import { NonFiniteError } from './non-finite-error.ts';
import type { PrefixState } from './prefix-states.ts';
import { forksIn, streamCells, type CandidateStream } from './stage-streams.ts';
import type { Wave } from './stage-waves.ts';
import type { WaitingStates } from './waiting-states.ts';

/** One stage of a wave, and where its results go. */
export interface StageRun {
  readonly sweep: Sweep;
  readonly wave: Wave;
  readonly stage: StageRange;
  readonly blockCount: number;
  /** What waits for this stage; what leaves it waits here for the next. */
  readonly states: WaitingStates;
  readonly onCells: (cells: Cell[]) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Takes one micro-batch of a wave through the stage: first the candidates of earlier stages, then the baseline, from
 * which the candidates of this stage fork.
 * @param walk through the stage
 * @param batchIndex of the micro-batch in the wave: its states go by it
 * @throws NonFiniteError when the base mask, where it is scored, computes no number
 */
export async function runStage(run: StageRun, walk: BatchWalk, batchIndex: number): Promise<void> {
  const { wave, stage, states, signal } = run;
  for (const [i, stream] of wave.streams.entries()) {
    if (stream.fork >= stage.start) break;
    signal?.throwIfAborted();
    const values = await states.take(streamKey(batchIndex, i));
    await runStream(run, walk, batchIndex, i, { boundary: stage.start, values });
  }

  const isForking = ({ fork }: CandidateStream): boolean => fork >= stage.start && fork < stage.end;
  const goesOn = wave.baseline || wave.streams.some(({ fork }) => fork >= stage.end);
  if (!goesOn && !wave.streams.some(isForking)) return;
  const start = await baselineStart(run, walk, batchIndex);
  let baseline = start;
  for (const [i, stream] of wave.streams.entries()) {
    if (!isForking(stream)) continue;
    signal?.throwIfAborted();
    baseline = await walk.advance(baseline, stream.fork, run.sweep.base);
    await runStream(run, walk, batchIndex, i, { boundary: stream.start, values: baseline.values });
  }
  if (!goesOn) return;
  signal?.throwIfAborted();
  await runBaseline(run, walk, batchIndex, start, baseline);
}

async function runStream(
  { sweep, wave, stage, states, onCells }: StageRun,
  walk: BatchWalk,
  batchIndex: number,
  streamIndex: number,
  state: PrefixState,
): Promise<void> {
  const stream = wave.streams[streamIndex];
  const forks = forksIn(sweep, stream, stage);
  if (walk.isLast) {
    onCells(streamCells(sweep, stream, walk.batch, await walk.nll(state, stream.mask, forks)));
  } else {
    const { values } = await walk.advance(state, stage.end, stream.mask, forks);
    await states.put(streamKey(batchIndex, streamIndex), values);
    onCells([]); // a sign of life: cells come in the last stage only
  }
}

async function baselineStart(
  { stage, states }: StageRun,
  walk: BatchWalk,
  batchIndex: number,
): Promise<PrefixState> {
  if (stage.start === 0) return walk.start();
  return { boundary: stage.start, values: await states.take(baselineKey(batchIndex)) };
}

/** The rest of the baseline's way through the stage. A model that computes no number shows in the first stage that does not. */
async function runBaseline(
  { sweep, wave, stage, blockCount, states, onCells }: StageRun,
  walk: BatchWalk,
  batchIndex: number,
  start: PrefixState,
  baseline: PrefixState,
): Promise<void> {
  const { base } = sweep;
  const { batch, isLast } = walk;
  const values = isLast
    ? await walk.nll(baseline, base)
    : (await walk.advance(baseline, stage.end, base)).values;
  if (wave.baseline && !allFinite(values)) {
    const block = await walk.firstNonFinite(start, base);
    throw new NonFiniteError(base, batch.rowIndices[0], block, blockCount);
  }
  if (isLast) onCells(cellsOf(base, null, batch, values));
  else await states.put(baselineKey(batchIndex), values);
}

function streamKey(batchIndex: number, streamIndex: number): string {
  return `${batchIndex}/${streamIndex}`;
}

function baselineKey(batchIndex: number): string {
  return `${batchIndex}/baseline`;
}
