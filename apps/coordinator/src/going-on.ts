import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ModelShape, StopRule } from '@blockpruner/blocks';
import { readRun, readRunRows, RunFolder } from '@blockpruner/journal';
import type { SearchProblem } from '@blockpruner/search';
import type { Console } from './console.ts';
import { createdWith, workerSettings } from './created-with.ts';
import { openModel } from './inputs.ts';
import { openMonitoring, planMonitoring } from './monitoring.ts';
import type { ResumeSettings } from './prune-settings.ts';
import { requireSetting } from './resolve-settings.ts';
import { resultReport } from './result-report.ts';
import { runConfig } from './run-config.ts';
import { carryOut } from './run-session.ts';
import { requireGoingOn } from './run-sizes.ts';
import { searchProblem } from './search-problem.ts';
import { searchMethod } from './search-settings.ts';
import { shapePlansOf } from './shape-plans.ts';
import { readStartBlocks } from './start-mask.ts';
import { requireStopRule, stopOptions, stopRule } from './stop-options.ts';
import { RunError } from './usage-error.ts';
import { longestRowTokens, planWorkers } from './worker-plan.ts';

/**
 * Goes on with a run after its last decision, with whatever workers there are now, and further than the run was created
 * for when it is told to. Of a run that has finished it prints the result again.
 * @param now what is given now; the rest is as the run was created
 * @throws RunFolderError `not-a-run`, `owned`, `mismatch`, `corrupt` or `io`; UsageError for a goal that ends before the
 * last decision; and what a run throws
 */
export async function goOn(
  run: string,
  now: ResumeSettings,
  open: (settings: ResumeSettings) => Console,
): Promise<void> {
  const asked = stopRule(now);
  const view = await readRun(run);
  const { stop: former } = view.config;
  const stop = asked ?? former;
  const isExtended = !isDeepStrictEqual(stop, former);
  if (isExtended) requireGoingOn(run, view, stop);
  const monitoringPlan = planMonitoring(now.values);
  const console = open(now);
  const { logger, progress } = console;
  const json = now.values.json ?? false;
  if (view.finished && !isExtended) {
    logger.info({ folder: run }, 'the run had finished already');
    const result = JSON.parse(await readFile(join(run, 'result.json'), 'utf8')) as Parameters<
      typeof resultReport
    >[0];
    console.print(resultReport(result, resolve(run), json));
    return;
  }

  const monitoring = await openMonitoring(monitoringPlan, console);
  const then = await createdWith(run, now);
  const cacheFolder = resolve(requireSetting(then, 'cacheDir'));
  const start = (then.values.startMask ?? []).map(readStartBlocks);
  const createdStop = requireStopRule(then);
  const problemOf = (shape: ModelShape): SearchProblem => searchProblem(then, start, stop, shape);
  const modelPath = requireSetting(then, 'model');
  const { checkpoint, name } = await openModel(modelPath, cacheFolder, logger, progress, problemOf);
  const problem = problemOf(checkpoint.shape);
  const rows = await readRunRows(run);
  const { calibrationHash, rowTokens, sets, heldOutRowCount, heldOutHash } = view.config;
  const parts = { calibrationHash, rowTokens, sets, heldOutRowCount, heldOutHash }; // as rows.json has them
  const created = { ...problem, stop: createdStop };
  const config = runConfig(checkpoint, parts, created, searchMethod(then), then.values.confirm);
  await carryOut({
    console,
    monitoring,
    runId: view.runId,
    modelName: name,
    checkpoint,
    problem,
    plan: planWorkers(workerSettings(now, then), checkpoint.shape, longestRowTokens(rows)),
    cacheFolder,
    json,
    rows,
    numericClass: view.numericClass,
    shapePlans: shapePlansOf(view.notes),
    openFolder: async (options) => {
      const folder = await RunFolder.open(run, options);
      try {
        folder.requireConfig(config);
        await extend(folder, run, former, stop);
        folder.appendEvent({
          kind: 'resumed',
          decisions: folder.state.decisions.length,
          cutBytes: folder.cutBytes,
        });
      } catch (error) {
        await folder.release();
        throw error;
      }
      logger.info(
        {
          decisions: folder.state.decisions.length,
          cells: folder.state.cells.length,
          cutBytes: folder.cutBytes,
        },
        'resuming after the last decision',
      );
      return folder;
    },
  });
}

/** Gives a run that is ours now the stop rule that was asked for, where that is another one. */
async function extend(folder: RunFolder, run: string, former: StopRule, stop: StopRule): Promise<void> {
  if (!isDeepStrictEqual(folder.config.stop, former)) {
    throw new RunError(
      `${run} was extended to ${stopOptions(folder.config.stop)} by another process: resume it again`,
    );
  }
  if (isDeepStrictEqual(stop, former)) return;
  requireGoingOn(run, { ...folder.state, config: folder.config }, stop);
  await folder.extend(stop);
}
