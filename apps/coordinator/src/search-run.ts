import {
  DENSE,
  formatBlock,
  makeMask,
  parseBlock,
  pruningRatio,
  removedParameters,
  type ModelShape,
} from '@blockpruner/blocks';
import {
  buildRemovalOrder,
  buildResult,
  type DecisionRecord,
  type RunFolder,
  type RunResult,
} from '@blockpruner/journal';
import { CellTable, type Cell } from '@blockpruner/perplexity';
import {
  exhaustiveSearch,
  expectedEvaluations,
  type Decision,
  type SearchProblem,
} from '@blockpruner/search';
import { logIteration, type Logger } from '@blockpruner/telemetry';
import type { RunningFleet } from './running-fleet.ts';

export interface SearchRunOptions {
  readonly problem: SearchProblem;
  readonly folder: RunFolder;
  readonly fleet: RunningFleet;
  readonly cells: CellTable;
  /** Names of the workers whose cells arrived since it was last emptied. */
  readonly contributors: Set<string>;
  readonly logger: Logger;
}

/**
 * The search, from wherever the run folder stands to its end: evaluate what the strategy asks for, decide, and
 * journal each decision before anything uses it.
 * @throws SearchError when the scores leave nothing to choose; Interrupted, RunError or FleetError from the fleet
 */
export async function runSearch(options: SearchRunOptions): Promise<RunResult> {
  const { problem, folder, fleet, cells, contributors, logger } = options;
  const strategy = exhaustiveSearch(problem);
  const records: DecisionRecord[] = [...folder.state.decisions];
  const decisions: Decision[] = records.map(decisionOf);
  const expected = expectedEvaluations(problem);
  const pace = new Pace(expected.candidates.most);
  for (const record of records) pace.decided(record.candidates.length, record.seconds);
  let startedMs = performance.now();
  let retriesBefore = fleet.driver.counters.retries;

  for (;;) {
    const step = strategy.step(decisions, cells);
    if (step.kind === 'done') break;
    if (step.kind === 'evaluate') {
      const title = `iteration ${decisions.length + 1}/${iterationCount(expected.iterations)}`;
      await fleet.evaluate(step.sweep, step.rows, cells, title);
      continue;
    }
    await journalDense(folder, cells, logger);
    const { decision } = step;
    const seconds = (performance.now() - startedMs) / 1000;
    const { retries } = fleet.driver.counters;
    const record = recordOf(decision, decisions, problem.shape, {
      seconds,
      workers: [...contributors].sort(),
      retries: retries - retriesBefore,
    });
    await folder.appendDecision(record);
    decisions.push(decision);
    records.push(record);
    pace.decided(decision.candidates.length, seconds);
    const tokens = cells.rowTokens.reduce((sum, length) => sum + length, 0) * decision.candidates.length;
    logIteration(logger, {
      iteration: record.iteration,
      removed: record.removed,
      score: record.score,
      perplexity: record.perplexity,
      deltaNats: record.score - (folder.state.dense?.score ?? NaN),
      runnerUp: record.runnerUp,
      margin: record.margin,
      candidates: decision.candidates.length,
      rows: cells.rowCount,
      tokensPerSecond: tokens / seconds,
      seconds,
      workers: contributors.size,
      retries: record.retries,
      parametersRemoved: record.parametersRemoved,
      ratio: record.ratio,
      etaSeconds: strategy.step(decisions, cells).kind === 'done' ? 0 : pace.etaSeconds(),
    });
    contributors.clear();
    startedMs = performance.now();
    retriesBefore = retries;
  }
  return finish(options, records);
}

/** The cells and contributors of a run, fed by the fleet: each new cell goes to disk before it is counted on. */
export function cellSink(folder: RunFolder): {
  cells: CellTable;
  contributors: Set<string>;
  onCells: (cells: readonly Cell[], workerName: string) => void;
} {
  const cells = new CellTable(folder.config.rowTokens);
  const contributors = new Set<string>();
  for (const cell of folder.state.cells) cells.add(cell);
  return {
    cells,
    contributors,
    onCells: (arrived, workerName) => {
      folder.appendCells(arrived);
      for (const cell of arrived) cells.add(cell);
      contributors.add(workerName);
    },
  };
}

async function journalDense(folder: RunFolder, cells: CellTable, logger: Logger): Promise<void> {
  if (folder.state.dense) return;
  const dense = cells.score(DENSE, null);
  if (!dense) throw new Error('a decision was made before the dense model was scored');
  await folder.appendDense(dense);
  logger.info({ score: dense.score, perplexity: dense.perplexity }, 'dense model scored');
}

async function finish(
  { problem, folder, fleet }: SearchRunOptions,
  records: DecisionRecord[],
): Promise<RunResult> {
  const { dense } = folder.state;
  if (!dense) throw new Error('a search ended before the dense model was scored');
  const result = buildResult(folder.config, dense, records, {
    totalParameters: problem.shape.totalParameters,
  });
  if (folder.state.finished) return result; // by its former owner, while we waited for the folder
  await folder.finish(result, buildRemovalOrder(records.map((record) => record.removed)), {
    schema: 1,
    startedAt: folder.createdAt,
    finishedAt: new Date().toISOString(),
    secondsPerIteration: records.map((record) => record.seconds),
    workersPerIteration: records.map((record) => record.workers),
    numericClass: fleet.driver.numericClass ?? null,
    shapePlan: fleet.shapePlan,
    counters: { ...fleet.driver.counters },
  });
  return result;
}

function recordOf(
  decision: Decision,
  before: readonly Decision[],
  shape: ModelShape,
  measured: Pick<DecisionRecord, 'seconds' | 'workers' | 'retries'>,
): DecisionRecord {
  const mask = makeMask([...before.map((earlier) => earlier.removed), decision.removed]);
  return {
    iteration: decision.iteration,
    removed: formatBlock(decision.removed),
    score: decision.score,
    perplexity: decision.perplexity,
    margin: decision.margin,
    runnerUp: decision.runnerUp === null ? null : formatBlock(decision.runnerUp),
    candidates: decision.candidates.map(({ block, score, rowCount }) => ({
      block: formatBlock(block),
      score,
      rowCount,
    })),
    parametersRemoved: removedParameters(shape, mask),
    ratio: pruningRatio(shape, mask),
    ...measured,
  };
}

function decisionOf(record: DecisionRecord): Decision {
  const { iteration, removed, score, perplexity, margin, runnerUp, candidates } = record;
  return {
    iteration,
    removed: parseBlock(removed),
    score,
    perplexity,
    margin,
    runnerUp: runnerUp === null ? null : parseBlock(runnerUp),
    candidates: candidates.map((candidate) => ({ ...candidate, block: parseBlock(candidate.block) })),
  };
}

function iterationCount({ least, most }: { least: number; most: number }): string {
  return least === most ? String(most) : `${least}-${most}`;
}

/** Seconds a candidate has cost so far, and what the rest will cost at that pace. */
class Pace {
  private readonly expectedCandidates: number;
  private candidates = 0;
  private seconds = 0;

  constructor(expectedCandidates: number) {
    this.expectedCandidates = expectedCandidates;
  }

  decided(candidates: number, seconds: number): void {
    this.candidates += candidates;
    this.seconds += seconds;
  }

  etaSeconds(): number {
    return Math.max(0, this.expectedCandidates - this.candidates) * (this.seconds / this.candidates);
  }
}
