import { formatBlock, type BlockIndex, type Mask, type Objective } from '@blockpruner/blocks';
import type { DecisionRecord, RunFolder } from '@blockpruner/journal';
import { marginNoise, scoreOf, type CellTable } from '@blockpruner/perplexity';
import {
  closeCandidates,
  comparison,
  confirmDecision,
  maskOf,
  NOISE_ROWS,
  noiseSample,
  scoreSoFar,
  type CandidateScore,
  type Comparison,
  type Decision,
  type SearchProblem,
} from '@blockpruner/search';
import type { Logger } from '@blockpruner/telemetry';
import { computesIn16Bit, nameClasses } from './numeric-class.ts';
import { rankingUnit } from './objective-unit.ts';
import type { RunCells } from './run-cells.ts';
import type { RunningFleet } from './running-fleet.ts';

/** What the noise of a run was measured to be: the journal's note of kind `noise`, and a field of `stats.json`. */
export interface Noise {
  /** How far the dtype of the run can move the difference of two scores. */
  readonly nats: number;
  readonly rows: readonly number[];
  /** Scores over those rows; `base` is the mask itself. */
  readonly candidates: readonly {
    readonly candidate: string;
    readonly score: number;
    readonly scoreInFp32: number;
  }[];
}

/** A decision, and how far it can be relied on. */
export interface Judgement {
  readonly decision: Decision;
  /** Of the cells that went into it, sorted. */
  readonly numericClasses: readonly string[];
  readonly belowNoise: boolean;
  /** The close candidates in fp32, where the choice was made among them. */
  readonly confirmed: readonly CandidateScore[] | null;
}

export interface JudgeOptions extends RunCells {
  readonly problem: SearchProblem;
  readonly folder: RunFolder;
  readonly fleet: RunningFleet;
  readonly logger: Logger;
}

/**
 * Finds out whether a decision is its dtype's noise, and, where the run confirms, chooses again in fp32. A run in fp32
 * has no noise to speak of.
 * @param before the decisions before it
 * @throws SearchError when no close candidate has a finite score in fp32; what the fleet throws
 */
export async function judge(
  decision: Decision,
  before: readonly Decision[],
  options: JudgeOptions,
): Promise<Judgement> {
  const { problem, folder, logger, cells } = options;
  const mask = maskOf(before, problem);
  const by = comparison(problem, scoreSoFar(before, problem, cells) ?? NaN);
  const { confirm } = folder.config;
  const numericClasses = folder.state.numericClassesOf(mask);
  if (!numericClasses.some(computesIn16Bit)) {
    if (confirm && decision.iteration === 1)
      logger.info('the workers compute in fp32: --confirm fp32 changes nothing');
    return { decision, numericClasses, belowNoise: false, confirmed: null };
  }
  const { nats } = noiseOf(folder) ?? (await measureNoise(decision, mask, options));
  const close = closeCandidates(decision, nats, by);
  const belowNoise = close.length > 1;
  const confirmed = belowNoise && confirm ? await scoreInFp32(close, decision, mask, options) : null;
  return {
    decision: confirmed ? confirmDecision(decision, nats, confirmed.scores, by, confirmed.by) : decision,
    numericClasses: [...new Set([...numericClasses, ...options.classesInFp32])].sort(),
    belowNoise,
    confirmed: confirmed && confirmed.scores,
  };
}

/** The noise that the run has measured, if it has. */
export function noiseOf({ state }: RunFolder): Noise | undefined {
  const note = state.notes.find(({ kind }) => kind === 'noise') as unknown as Noise | undefined;
  return note && { nats: note.nats, rows: note.rows, candidates: note.candidates };
}

/** Says on stderr what is to be known of a decision beside its iteration line. */
export function reportDoubts(
  logger: Logger,
  record: DecisionRecord,
  noise: Noise | undefined,
  objective: Objective | undefined,
): void {
  const { iteration, numericClasses, removed, runnerUp, margin, confirmed } = record;
  if (numericClasses.length > 1) {
    logger.warn({ iteration, numericClasses }, `iteration ${iteration} used ${nameClasses(numericClasses)}`);
  }
  if (!record.belowNoise || !noise) return;
  const { nats } = noise;
  const within = `the noise of ${nats.toExponential(2)} nats`;
  if (confirmed) {
    const scores = confirmed.candidates.map(({ block, score }) => `${block} ${score.toFixed(6)}`).join(', ');
    logger.info(
      { iteration, noiseNats: nats, confirmed: confirmed.candidates },
      `iteration ${iteration}: ${confirmed.candidates.length} candidates are within ${within}; in fp32 ${removed} is the best: ${scores}`,
    );
    return;
  }
  logger.warn(
    { iteration, noiseNats: nats, margin },
    `iteration ${iteration}: the margin of ${margin?.toExponential(2)} ${rankingUnit(objective)} between ${removed} and ${runnerUp} is below ${within}; --confirm fp32 would decide such choices in fp32`,
  );
}

async function measureNoise(
  decision: Decision,
  mask: Mask,
  { folder, fleet, logger, cells, cellsInFp32 }: JudgeOptions,
): Promise<Noise> {
  const rows = Array.from({ length: Math.min(NOISE_ROWS, cells.rowCount) }, (_, row) => row);
  const candidates = noiseSample(decision.candidates);
  const baseline = rows.every((row) => cells.has({ mask, candidate: null, row }));
  const sweep = { base: mask, candidates, baseline, inFp32: true };
  const title = 'measuring the noise of the dtype';
  const isMissing = (row: number): boolean =>
    candidates.some((candidate) => !cells.has({ mask, candidate, row }));
  // A race has dropped some of them before it looked at these rows.
  if (rows.some(isMissing))
    await fleet.evaluate({ base: mask, candidates, baseline: false }, rows, cells, title);
  await fleet.evaluate(sweep, rows, cellsInFp32, title);
  const samples = [...candidates, ...(baseline ? [null] : [])].map((candidate) => ({
    candidate,
    score: scoreOn(cells, rows, mask, candidate),
    scoreInFp32: scoreOn(cellsInFp32, rows, mask, candidate),
  }));
  const noise: Noise = {
    nats: marginNoise(samples),
    rows,
    candidates: samples.map(({ candidate, ...scores }) => ({
      candidate: candidate === null ? 'base' : formatBlock(candidate),
      ...scores,
    })),
  };
  folder.appendEvent({ kind: 'noise', ...noise });
  logger.info(
    { noiseNats: noise.nats, rows: rows.length, candidates: samples.length },
    `the dtype moves the difference of two scores by up to ${noise.nats.toExponential(2)} nats`,
  );
  return noise;
}

async function scoreInFp32(
  close: readonly BlockIndex[],
  { iteration }: Decision,
  mask: Mask,
  { problem, fleet, cellsInFp32 }: JudgeOptions,
): Promise<{ readonly scores: readonly CandidateScore[]; readonly by: Comparison }> {
  const { rowCount } = cellsInFp32;
  const rows = Array.from({ length: rowCount }, (_, row) => row);
  // What a block costs for its size is more than the score of the model that it is still in.
  const baseline = problem.objective === 'score-per-param';
  const sweep = { base: mask, candidates: close, baseline, inFp32: true };
  await fleet.evaluate(sweep, rows, cellsInFp32, `iteration ${iteration}, again in fp32`);
  const scoreInFp32 = (block: BlockIndex | null): number => cellsInFp32.score(mask, block)?.score ?? NaN;
  return {
    scores: close.map((block) => ({ block, score: scoreInFp32(block), rowCount })),
    by: comparison(problem, baseline ? scoreInFp32(null) : NaN),
  };
}

/** The mean over some rows, all of which have their cells. */
function scoreOn(
  cells: CellTable,
  rows: readonly number[],
  mask: Mask,
  candidate: BlockIndex | null,
): number {
  return scoreOf(rows.map((row) => cells.rowMean({ mask, candidate, row }) ?? NaN));
}
