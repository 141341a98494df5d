import { resolve } from 'node:path';
import { parseBlock, type Sweep } from '@blockpruner/blocks';
import { readRunContents, rowSetsOf, type RunContents } from '@blockpruner/journal';
import { CellTable } from '@blockpruner/perplexity';
import { verifyDecision, type Finding } from '@blockpruner/search';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { createdWith, workerSettings } from '../created-with.ts';
import { openModel } from '../inputs.ts';
import { onInterrupt } from '../interrupt.ts';
import { iterationsOf } from '../iteration-list.ts';
import { openMonitoring, planMonitoring, type Monitoring } from '../monitoring.ts';
import { nameClasses } from '../numeric-class.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { requireModelOfRun } from '../run-model.ts';
import { newRunId, RunningFleet } from '../running-fleet.ts';
import { decisionOf } from '../decision-records.ts';
import { constraintsOf, problemOfRun } from '../search-problem.ts';
import { MONITORING_SETTINGS, PRINT_SETTINGS, WORKER_SETTINGS, type SettingName } from '../setting.ts';
import { shapePlansOf } from '../shape-plans.ts';
import { RunError } from '../usage-error.ts';
import { agrees, verificationReport } from '../verification-report.ts';
import { longestRowTokens, planWorkers } from '../worker-plan.ts';

export const VERIFY_SETTINGS = [
  'model',
  'cacheDir',
  'iterations',
  ...WORKER_SETTINGS,
  ...MONITORING_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

const EXIT_DIFFERS = 1;

type VerifySettings = ResolvedSettings<(typeof VERIFY_SETTINGS)[number]>;

/**
 * `blockpruner verify RUN`: scores every candidate of a run's iterations on all rows, and says where that removes
 * another block than the run did. Reads the run folder and writes nothing there.
 * @returns the exit code: 0 where all iterations agree, else 1
 */
export async function verify(
  run: string,
  command: Command,
  open: (settings: VerifySettings) => Console,
): Promise<number> {
  const settings = resolveSettings(command, VERIFY_SETTINGS);
  const contents = await readRunContents(run);
  if (contents.decisions.length === 0)
    throw new RunError(`${run} has no decision yet: verify it after its first iteration`);
  const iterations = iterationsOf(settings.values.iterations, contents.decisions.length);
  const monitoringPlan = planMonitoring(settings.values);
  const console = open(settings);
  console.logFields.run = contents.runId;
  const monitoring = await openMonitoring(monitoringPlan, console);
  const findings = await verifyIterations(iterations, contents, settings, console, monitoring);
  const removed = contents.decisions.map((decision) => parseBlock(decision.removed));
  console.print(
    verificationReport(
      findings,
      constraintsOf(contents.config),
      removed,
      resolve(run),
      settings.values.json ?? false,
    ),
  );
  return findings.every(agrees) ? 0 : EXIT_DIFFERS;
}

/** Workers start with the first cell that the run lacks. */
async function verifyIterations(
  iterations: readonly number[],
  contents: RunContents,
  now: VerifySettings,
  console: Console,
  { metrics, readiness }: Monitoring,
): Promise<Finding[]> {
  const { path, config, rows } = contents;
  const { logger, progress } = console;
  const then = await createdWith(path, now);
  const cacheFolder = resolve(requireSetting(then, 'cacheDir'));
  const { checkpoint } = await openModel(requireSetting(then, 'model'), cacheFolder, logger, progress);
  requireModelOfRun(checkpoint, { path, modelFingerprint: config.modelFingerprint });
  const { shape } = checkpoint;
  const plan = planWorkers(workerSettings(now, then), shape, longestRowTokens(rows));
  const decisions = contents.decisions.map(decisionOf);
  // What the search was to reach is no matter here: what it decided is looked at as far as it goes.
  const stop = { kind: 'remove', count: decisions.length } as const;
  const problem = problemOfRun(config, shape, stop);
  const cells = new CellTable(config.rowTokens, rowSetsOf(config));
  for (const cell of contents.cells) cells.add(cell);
  const classes = new Set(iterations.flatMap((i) => contents.decisions[i - 1].numericClasses));

  let fleet: RunningFleet | undefined;
  let restoreSignals = (): void => undefined;
  const startFleet = async (): Promise<RunningFleet> => {
    const started = await RunningFleet.listen({
      runId: newRunId(),
      checkpoint,
      rows,
      plan,
      cacheFolder,
      logger,
      progress,
      numericClass: contents.numericClass,
      shapePlans: shapePlansOf(contents.notes),
      onCells: (arrived, { numericClass }) => {
        for (const cell of arrived) cells.add(cell);
        classes.add(numericClass);
      },
      onCorrected: (corrected) => corrected.forEach((cell) => cells.replace(cell)),
      onNote: () => undefined,
      metrics,
    });
    restoreSignals = onInterrupt((reason) => started.driver.fail(reason));
    started.start();
    readiness.ready();
    return started;
  };
  const evaluate = async (sweep: Sweep, rowIndices: readonly number[], title: string): Promise<void> => {
    fleet ??= await startFleet();
    await fleet.evaluate(sweep, rowIndices, cells, title);
  };

  const findings: Finding[] = [];
  try {
    for (const iteration of iterations) {
      const confirmed = contents.decisions[iteration - 1].confirmed?.candidates ?? [];
      const close = confirmed.map(({ block }) => parseBlock(block));
      const look = () => verifyDecision(problem, decisions, iteration, cells, close);
      let step = look();
      for (; step.kind === 'evaluate'; step = look()) {
        const title = `iteration ${iteration}, ${findings.length + 1} of ${iterations.length} to verify`;
        await evaluate(step.sweep, step.rows, title);
      }
      findings.push(step.finding);
    }
  } finally {
    restoreSignals();
    await fleet?.stop(findings.length === iterations.length);
  }
  if (classes.size > 1) logger.warn(`the scores used ${nameClasses([...classes].sort())}`);
  return findings;
}
