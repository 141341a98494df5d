import {
  DENSE,
  formatBlock,
  makeMask,
  parseBlock,
  pruningRatio,
  removedParameters,
  type Mask,
  type ModelShape,
} from '@blockpruner/blocks';
import { buildRemovalOrder, buildResult, type DecisionRecord, type RunResult } from '@blockpruner/journal';
import {
  exhaustiveSearch,
  expectedEvaluations,
  remainingFlops,
  setChoices,
  type CandidateScore,
  type Decision,
  type SearchProblem,
} from '@blockpruner/search';
import { logIteration } from '@blockpruner/telemetry';
import { judge, noiseOf, reportDoubts, type JudgeOptions, type Judgement } from './close-calls.ts';
import { Foresight } from './foresight.ts';
import { heldOutFields, heldOutFlops, scoreHeldOut, warnOfBrokenHeldOut } from './held-out.ts';
import { Pace, speedOf, type Speed, type Stretch } from './pace.ts';
import { setScoreRecords, warnOfDisagreement } from './set-disagreement.ts';

export interface SearchRunOptions extends JudgeOptions {
  readonly problem: SearchProblem;
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
  const speeds: (Speed | null)[] = records.map(() => null); // of another process, with other workers
  const pace = new Pace();
  const rowTokens = cells.rowTokens.slice(0, cells.rowCount);
  const flopsLeft = (): number[] => {
    const mask = maskOf(decisions);
    const onHeldOut = heldOutFlops(problem.shape, mask, cells);
    return remainingFlops(problem, mask, rowTokens).map((flops) => flops + onHeldOut);
  };
  const foresight = new Foresight(strategy, problem, options);
  let startedMs = performance.now();
  let flopsBefore = fleet.driver.flops;
  const sinceDecision = (): Stretch => ({
    flops: fleet.driver.flops - flopsBefore,
    seconds: (performance.now() - startedMs) / 1000,
  });
  let retriesBefore = fleet.driver.counters.retries;

  for (;;) {
    const step = strategy.step(decisions, cells);
    if (step.kind === 'done') break;
    const title = `iteration ${decisions.length + 1}/${iterationCount(expected.iterations)}`;
    if (step.kind === 'evaluate') {
      const later = sum(flopsLeft().slice(1));
      const secondsLeft = (left: number): number | null => pace.secondsFor(left + later, sinceDecision());
      await fleet.evaluate(step.sweep, step.rows, cells, title, secondsLeft, () =>
        foresight.onWaiting(decisions),
      );
      continue;
    }
    if (!(await foresight.isConfirmed(step.decision, decisions, title))) continue; // a number was corrected
    await journalDense(options);
    const mask = maskOf(decisions);
    const judgement = await judge(step.decision, mask, options);
    const { decision } = judgement;
    const heldOut = await scoreHeldOut(options, mask, decision.removed, `${title}, held-out rows`);
    if (!foresight.stands(step.decision, decisions)) continue; // corrected meanwhile
    const setScores = setScoreRecords(setChoices(decision, mask, cells));
    const done = sinceDecision();
    const { seconds } = done;
    const { retries } = fleet.driver.counters;
    const record = recordOf(judgement, decisions, problem.shape, {
      seconds,
      workers: [...contributors].sort(),
      retries: retries - retriesBefore,
      ...(setScores && { setScores }),
      ...(heldOut && { heldOut }),
    });
    await folder.appendDecision(record);
    decisions.push(decision);
    records.push(record);
    pace.worked(done);
    const speed = speedOf(done, fleet.driver.peaksOf(contributors));
    speeds.push(speed);
    const tokens = sum(rowTokens) * decision.candidates.length;
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
      ...speed,
      seconds,
      workers: contributors.size,
      retries: record.retries,
      parametersRemoved: record.parametersRemoved,
      ratio: record.ratio,
      etaSeconds: pace.secondsFor(sum(flopsLeft())),
      ...heldOutFields(record, folder.state.dense),
    });
    reportDoubts(logger, record, noiseOf(folder));
    warnOfDisagreement(logger, record);
    warnOfBrokenHeldOut(logger, heldOut, `iteration ${record.iteration}`);
    contributors.clear();
    options.classesInFp32.clear();
    startedMs = performance.now();
    flopsBefore = fleet.driver.flops;
    retriesBefore = retries;
  }
  return finish(options, records, speeds);
}

async function journalDense(options: SearchRunOptions): Promise<void> {
  const { folder, cells, logger } = options;
  if (folder.state.dense) return;
  const heldOut = await scoreHeldOut(options, DENSE, null, 'dense model, held-out rows');
  const dense = cells.score(DENSE, null);
  if (!dense) throw new Error('a decision was made before the dense model was scored');
  await folder.appendDense({ ...dense, ...(heldOut && { heldOut }) });
  const { score, perplexity } = dense;
  logger.info(
    { score, perplexity, ...(heldOut && { heldOutPerplexity: heldOut.perplexity }) },
    'dense model scored',
  );
  warnOfBrokenHeldOut(logger, heldOut, 'the dense model');
}

async function finish(
  { problem, folder, fleet }: SearchRunOptions,
  records: DecisionRecord[],
  speeds: readonly (Speed | null)[],
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
    speedPerIteration: speeds,
    numericClass: fleet.driver.numericClass ?? null,
    shapePlans: fleet.driver.shapePlans,
    noise: noiseOf(folder) ?? null,
    counters: { ...fleet.driver.counters },
  });
  return result;
}

function recordOf(
  { decision, numericClasses, belowNoise, confirmed }: Judgement,
  before: readonly Decision[],
  shape: ModelShape,
  measured: Pick<DecisionRecord, 'seconds' | 'workers' | 'retries' | 'setScores' | 'heldOut'>,
): DecisionRecord {
  const mask = maskOf([...before, decision]);
  return {
    iteration: decision.iteration,
    removed: formatBlock(decision.removed),
    score: decision.score,
    perplexity: decision.perplexity,
    margin: decision.margin,
    runnerUp: decision.runnerUp === null ? null : formatBlock(decision.runnerUp),
    candidates: decision.candidates.map(candidateRecord),
    parametersRemoved: removedParameters(shape, mask),
    ratio: pruningRatio(shape, mask),
    ...measured,
    numericClasses,
    belowNoise,
    confirmed: confirmed && { candidates: confirmed.map(candidateRecord) },
  };
}

function candidateRecord({ block, score, rowCount }: CandidateScore) {
  return { block: formatBlock(block), score, rowCount };
}

function maskOf(decisions: readonly Decision[]): Mask {
  return makeMask(decisions.map(({ removed }) => removed));
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
