import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ModelShape, StopRule } from '@blockpruner/blocks';
import { readRun, readRunRows, RunFolder } from '@blockpruner/journal';
import type { SearchProblem } from '@blockpruner/search';
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { Console } from '../console.ts';
import { openModel } from '../inputs.ts';
import { openMonitoring, planMonitoring } from '../monitoring.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { resultReport } from '../result-report.ts';
import { carryOut } from '../run-session.ts';
import { requireGoingOn } from '../run-sizes.ts';
import { searchProblem } from '../search-problem.ts';
import { searchMethod } from '../search-settings.ts';
import {
  MONITORING_SETTINGS,
  PRINT_SETTINGS,
  setting,
  WORKER_SETTINGS,
  type SettingName,
} from '../setting.ts';
import { shapePlansOf } from '../shape-plans.ts';
import { readStartBlocks } from '../start-mask.ts';
import { requireStopRule, stopOptions, stopRule } from '../stop-options.ts';
import { STOP_SETTINGS } from '../target-settings.ts';
import { RunError } from '../usage-error.ts';
import { longestRowTokens, planWorkers, type WorkerSettings } from '../worker-plan.ts';
import { PRUNE_SETTINGS, runConfig } from './prune.ts';

/**
 * Options of a resumed run come from its own `config.yaml`, its rows from `rows.json`; these may differ now. Those that
 * say how much is to go extend the run.
 */
export const RESUME_SETTINGS = [
  'model',
  'cacheDir',
  'confirm',
  ...STOP_SETTINGS,
  ...WORKER_SETTINGS,
  ...MONITORING_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

type ResumeSettings = ResolvedSettings<(typeof RESUME_SETTINGS)[number]>;
type CreatedSettings = ResolvedSettings<(typeof PRUNE_SETTINGS)[number]>;

/**
 * `blockpruner resume RUN`: goes on after the last decision, with whatever workers there are now, and further than the
 * run was created for when it is told to.
 */
export async function resume(
  run: string,
  command: Command,
  open: (settings: ResumeSettings) => Console,
): Promise<void> {
  const now = resolveSettings(command, RESUME_SETTINGS);
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
  const { checkpoint } = await openModel(modelPath, cacheFolder, logger, progress, problemOf);
  const problem = problemOf(checkpoint.shape);
  const rows = await readRunRows(run);
  const { calibrationHash, rowTokens, sets, heldOutRowCount, heldOutHash } = view.config;
  const parts = { calibrationHash, rowTokens, sets, heldOutRowCount, heldOutHash }; // as rows.json has them
  const created = { ...problem, stop: createdStop };
  const config = runConfig(checkpoint, parts, created, searchMethod(then), then.values.confirm);
  await carryOut({
    console,
    monitoring,
    runId: basename(resolve(run)),
    checkpoint,
    problem,
    plan: planWorkers(workerSettings(now, then), checkpoint.shape, longestRowTokens(rows)),
    cacheFolder,
    json,
    rows,
    numericClass: view.numericClass,
    shapePlans: shapePlansOf(view.notes),
    openFolder: async () => {
      const folder = await RunFolder.open(run, { onWait: (message) => logger.warn(message) });
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

/** Where workers come from is chosen now or was then, as a whole; their other options one by one. */
export function workerSettings(now: ResumeSettings, then: CreatedSettings): WorkerSettings {
  const given = Object.fromEntries(
    WORKER_SETTINGS.filter((name) => (now.origins[name] ?? 'default') !== 'default').map((name) => [
      name,
      now.values[name],
    ]),
  );
  const { workers, listen } = now.values.workers || now.values.listen ? now.values : then.values;
  return { ...then.values, ...given, workers, listen };
}

/** The options the run was created with, under those given now. */
export async function createdWith(run: string, now: ResumeSettings): Promise<CreatedSettings> {
  const path = join(run, 'config.yaml');
  const content: unknown = parse(await readFile(path, 'utf8').catch(() => ''));
  if (typeof content !== 'object' || content === null) {
    throw new RunError(`${path} cannot be read: restore it from a copy, or start a new run`);
  }
  const values: Record<string, unknown> = {};
  for (const name of PRUNE_SETTINGS) {
    const { key, schema } = setting(name);
    const stored = (content as Record<string, unknown>)[key];
    if (stored === undefined) continue;
    const parsed = schema.safeParse(stored);
    if (!parsed.success) {
      throw new RunError(
        `${path}: ${key} must be ${schema.description ?? 'a text'}; got ${JSON.stringify(stored)}`,
      );
    }
    values[name] = parsed.data;
  }
  for (const name of ['model', 'cacheDir', 'confirm'] as const) {
    if (now.origins[name] !== 'default' && now.values[name] !== undefined) values[name] = now.values[name];
  }
  return { values, origins: {} };
}
