import { DENSE, formatBlock, formatMask } from '@blockpruner/blocks';
import {
  buildRemovalOrder,
  buildResult,
  type DecisionRecord,
  type RunFolder,
  type RunResult,
  type StartRecord,
  type Stopped,
} from '@blockpruner/journal';
import {
  expectedEvaluations,
  isBeyondLimit,
  limitPerplexity,
  maskOf,
  setChoices,
  startOf,
  strategyFor,
  type Decision,
  type SearchProblem,
  type Step,
} from '@blockpruner/search';
import { logIteration, type CoordinatorMetrics } from '@blockpruner/telemetry';
import { judge, noiseOf, reportDoubts, type JudgeOptions } from './close-calls.ts';
import type { LogFields } from './console.ts';
import { decisionOf, recordOf, sizeOf } from './decision-records.ts';
import { Foresight } from './foresight.ts';
import { heldOutFields, scoreHeldOut, warnOfBrokenHeldOut } from './held-out.ts';
import { speedOf, type Speed } from './pace.ts';
import { searchReader, type SearchSoFar } from './search-readings.ts';
import { setScoreRecords, warnOfDisagreement } from './set-disagreement.ts';
import { describeEnd } from './stop-words.ts';
import { WorkLeft } from './work-left.ts';
import { WorkerSpeed } from './worker-speed.ts';

/**
 * The search, from wherever the run folder stands to its end: evaluate what the strategy asks for, decide, and
 * journal each decision before anything uses it.
 * @throws SearchError when the scores leave nothing to choose; Interrupted, RunError or FleetError from the fleet
 */
export async function runSearch(
  options: JudgeOptions & { readonly metrics: CoordinatorMetrics; readonly logFields: LogFields },
): Promise<RunResult> {
  const { problem, folder, fleet, cells, contributors, logger, metrics, logFields } = options;
  const strategy = strategyFor(problem, folder.config);
  const records: DecisionRecord[] = [...folder.state.decisions];
  const decisions: Decision[] = records.map(decisionOf);
  const expected = expectedEvaluations(problem);
  const speeds: (Speed | null)[] = records.map(() => null); // of another process, with other workers
  const left = new WorkLeft(problem, cells, folder.config.search, maskOf(decisions, problem), fleet.driver);
  const meanTokens = sum(cells.rowTokens.slice(0, cells.rowCount)) / cells.rowCount;
  const foresight = new Foresight(strategy, problem, options);
  const soFar: SearchSoFar = { decisions, wanted: null, isFinished: false };
  const speed = new WorkerSpeed(() => fleet.driver.state.workerFlopsPerSecond);
  metrics.readSearch(searchReader(soFar, options, left, speed));
  let retriesBefore = fleet.driver.counters.retries;
  let stopped: Stopped | undefined = problem.stop.limit && { reason: 'goal' };

  for (;;) {
    logFields.iteration = decisions.length + 1;
    const step = strategy.step(decisions, cells);
    if (step.kind === 'done') break;
    const title = `iteration ${decisions.length + 1}/${iterationCount(expected.iterations)}`;
    if (step.kind === 'evaluate') {
      let wanted: Step = step;
      await fleet.pursue(
        () => {
          wanted = strategy.step(decisions, cells);
          soFar.wanted = wanted;
          return wanted.kind === 'evaluate' ? wanted : null;
        },
        cells,
        {
          title: () => `${title}${placeOf(wanted, cells.rowCount)}`,
          secondsLeft: () => left.seconds,
          onWaiting: () => foresight.onWaiting(decisions),
        },
      );
      continue;
    }
    if (!(await foresight.isConfirmed(step.decision, decisions, title))) continue; // a number was corrected
    await journalDense(options);
    const mask = maskOf(decisions, problem);
    const judgement = await judge(step.decision, decisions, options);
    const { decision } = judgement;
    if (!foresight.stands(step.decision, decisions)) continue; // corrected meanwhile
    const beyond = beyondLimit(decision, problem, folder);
    if (beyond) {
      stopped = beyond;
      break;
    }
    const heldOut = await scoreHeldOut(options, mask, decision.removed, `${title}, held-out rows`);
    if (!foresight.stands(step.decision, decisions)) continue; // corrected meanwhile
    const setScores = setScoreRecords(setChoices(problem, decisions, decision, cells));
    const done = left.sinceDecision;
    const { seconds } = done;
    const { retries } = fleet.driver.counters;
    const record = recordOf(judgement, decisions, problem, {
      seconds,
      workers: [...contributors].sort(),
      retries: retries - retriesBefore,
      ...(setScores && { setScores }),
      ...(heldOut && { heldOut }),
    });
    await folder.appendDecision(record);
    decisions.push(decision);
    records.push(record);
    metrics.decided();
    soFar.wanted = null;
    left.decided(maskOf(decisions, problem));
    const cellCount = sum(decision.candidates.map(({ rowCount }) => rowCount));
    const speed = speedOf(done, fleet.driver.peaksOf(contributors));
    speeds.push(speed);
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
      cells: cellCount,
      tokensPerSecond: (cellCount * meanTokens) / seconds,
      ...speed,
      seconds,
      workers: contributors.size,
      retries: record.retries,
      parametersRemoved: record.parametersRemoved,
      ratio: record.ratio,
      etaSeconds: left.seconds,
      ...heldOutFields(record, folder.state.dense),
    });
    reportDoubts(logger, record, noiseOf(folder), problem.objective);
    warnOfDisagreement(logger, record, problem.objective);
    warnOfBrokenHeldOut(logger, heldOut, `iteration ${record.iteration}`);
    contributors.clear();
    options.classesInFp32.clear();
    retriesBefore = retries;
  }
  delete logFields.iteration;
  logger.info({ decisions: records.length, stopped }, describeEnd(problem.stop, stopped));
  const result = await finish(options, records, speeds, stopped);
  soFar.isFinished = true; // before any worker is told
  return result;
}

async function journalDense(options: JudgeOptions): Promise<void> {
  const { problem, folder, cells, logger } = options;
  if (folder.state.dense) return;
  const heldOut = await scoreHeldOut(options, DENSE, null, 'dense model, held-out rows');
  const dense = cells.score(DENSE, null);
  if (!dense) throw new Error('a decision was made before the dense model was scored');
  const start = await scoreStart(options);
  await folder.appendDense({ ...dense, ...(heldOut && { heldOut }), ...(start && { start }) });
  const { score, perplexity } = dense;
  logger.info(
    { score, perplexity, ...(heldOut && { heldOutPerplexity: heldOut.perplexity }) },
    'dense model scored',
  );
  warnOfBrokenHeldOut(logger, heldOut, 'the dense model');
  if (!start) return;
  logger.info({ mask: formatMask(startOf(problem)), ...start }, 'model without the start mask scored');
  warnOfBrokenHeldOut(logger, start.heldOut, 'the model without the start mask');
}

async function scoreStart(options: JudgeOptions): Promise<StartRecord | undefined> {
  const { problem, cells } = options;
  const mask = startOf(problem);
  if (mask.length === 0) return undefined;
  const heldOut = await scoreHeldOut(options, mask, null, 'start mask, held-out rows');
  const scored = cells.score(mask, null);
  if (!scored) throw new Error('a decision was made before the start mask was scored');
  const { score, perplexity } = scored;
  return { score, perplexity, ...(heldOut && { heldOut }), ...sizeOf(problem, mask) };
}

/** What ends the search, where this decision would take the model beyond its limit. */
function beyondLimit(
  { removed, perplexity }: Decision,
  { stop }: SearchProblem,
  folder: RunFolder,
): Stopped | undefined {
  const dense = folder.state.dense?.perplexity ?? NaN;
  if (!stop.limit || !isBeyondLimit(stop, perplexity, dense)) return undefined;
  return {
    reason: 'limit',
    block: formatBlock(removed),
    perplexity,
    limitPerplexity: limitPerplexity(stop.limit, dense),
  };
}

async function finish(
  { problem, folder, fleet }: JudgeOptions,
  records: DecisionRecord[],
  speeds: readonly (Speed | null)[],
  stopped: Stopped | undefined,
): Promise<RunResult> {
  const { dense } = folder.state;
  if (!dense) throw new Error('a search ended before the dense model was scored');
  const { totalParameters } = problem.shape;
  const result = buildResult(folder.config, dense, records, { totalParameters }, stopped);
  if (folder.state.finished) return result; // by its former owner, while we waited for the folder
  const removed = records.map((record) => record.removed);
  await folder.finish(result, buildRemovalOrder(removed, startOf(problem)), {
    schema: 1,
    startedAt: folder.createdAt,
    finishedAt: new Date().toISOString(),
    secondsPerIteration: records.map((record) => record.seconds),
    workersPerIteration: records.map((record) => record.workers),
    speedPerIteration: speeds,
    numericClass: fleet.driver.numericClass ?? null,
    shapePlans: fleet.driver.shapePlans,
    noise: noiseOf(folder) ?? null,
    counters: { ...fleet.driver.counters },
  });
  return result;
}

/** Where a race is: in the title of its progress. */
function placeOf(step: Step, rowCount: number): string {
  if (step.kind !== 'evaluate' || step.laterRows.length === 0) return '';
  const { candidates } = step.sweep;
  return `, row ${rowCount - step.laterRows.length} of ${rowCount}, ${candidates.length} candidates`;
}

function iterationCount({ least, most }: { least: number; most: number }): string {
  return least === most ? String(most) : `${least}-${most}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
