import { join, resolve } from 'node:path';
import { formatMask, type ModelShape } from '@blockpruner/blocks';
import { holdsRun, RunFolder, RunFolderError } from '@blockpruner/journal';
import type { SearchProblem } from '@blockpruner/search';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { describeEnvironment } from '../environment.ts';
import { openModel } from '../inputs.ts';
import { dryRunReport } from '../dry-run-report.ts';
import { goOn } from '../going-on.ts';
import { PRUNE_SETTINGS, type PruneSettings } from '../prune-settings.ts';
import { requireSetting, resolveSettings, settingsYaml } from '../resolve-settings.ts';
import { runConfig } from '../run-config.ts';
import { newRunId } from '../running-fleet.ts';
import { openMonitoring, planMonitoring } from '../monitoring.ts';
import { openRows, rowSources, type CommandRows } from '../run-rows.ts';
import { carryOut } from '../run-session.ts';
import { settingsOfRun } from '../same-run.ts';
import { searchProblem } from '../search-problem.ts';
import { searchMethod } from '../search-settings.ts';
import { readStartBlocks } from '../start-mask.ts';
import { requireStopRule } from '../stop-options.ts';
import { UsageError } from '../usage-error.ts';
import { longestRowTokens, planWorkers } from '../worker-plan.ts';

/**
 * `blockpruner prune`: the search on a model, from nothing to a run folder with a result; with `--resume` from wherever
 * the run in that folder stands.
 */
export async function prune(command: Command, open: (settings: PruneSettings) => Console): Promise<void> {
  const settings = resolveSettings(command, PRUNE_SETTINGS);
  const { values } = settings;
  const modelPath = requireSetting(settings, 'model');
  const sources = rowSources(settings); // what is wrong with them is said before the model is opened
  const cacheFolder = resolve(requireSetting(settings, 'cacheDir'));
  const stop = requireStopRule(settings);
  const start = (values.startMask ?? []).map(readStartBlocks);
  const problemOf = (shape: ModelShape): SearchProblem => searchProblem(settings, start, stop, shape);
  const method = searchMethod(settings);
  const monitoringPlan = planMonitoring(values);
  const run = values.resume ? requireOutput(settings) : undefined;
  if (run !== undefined && (await holdsRun(run))) {
    const ofRun = await settingsOfRun(run, settings);
    if (!values.dryRun) return goOnAsAsked(run, ofRun, open);
  }
  const console = open(settings);
  const { logger, progress } = console;
  const monitoring = await openMonitoring(monitoringPlan, console);

  const model = await openModel(modelPath, cacheFolder, logger, progress, problemOf);
  const { checkpoint } = model;
  const problem = problemOf(checkpoint.shape);
  const { rows, config, pinned } = await openRows(sources, settings, checkpoint, console);
  const plan = planWorkers(values, checkpoint.shape, longestRowTokens(rows));
  if (values.dryRun) {
    console.print(dryRunReport(problem, method, config, plan, values.json ?? false));
    return;
  }

  const runId = newRunId();
  const path = resolve(values.output ?? join('runs', `${timestamp()}-${model.name}-${runId}`));
  await carryOut({
    console,
    monitoring,
    runId,
    modelName: model.name,
    checkpoint,
    problem,
    plan,
    cacheFolder,
    json: values.json ?? false,
    rows,
    openFolder: (options) =>
      RunFolder.create(
        path,
        {
          runId,
          config: runConfig(checkpoint, config, problem, method, values.confirm),
          configYaml: settingsYaml(pinnedSettings(settings, { model: model.pinned, ...pinned }, problem)),
          environment: describeEnvironment(),
          calibrationRows: rows,
          createdAt: new Date().toISOString(),
        },
        options,
      ),
  });
}

function requireOutput({ values }: PruneSettings): string {
  if (values.output !== undefined) return values.output;
  throw new UsageError('--resume goes on with the run in --output: name its folder with --output <dir>');
}

/** What is not the run's own is an option given wrongly: trying again cannot help. */
async function goOnAsAsked(
  run: string,
  settings: PruneSettings,
  open: (settings: PruneSettings) => Console,
): Promise<void> {
  try {
    await goOn(run, settings, () => open(settings));
  } catch (error) {
    if (!(error instanceof RunFolderError) || error.code !== 'mismatch') throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

const PATH_SETTINGS = ['cacheDir', 'output', 'tlsCert', 'tlsKey', 'tlsClientCa', 'tokenFile'] as const;

/**
 * A resume may be started from another folder, and later, when a revision of the hub means something else, or a file
 * that listed the start mask is gone.
 */
function pinnedSettings(
  settings: PruneSettings,
  pinned: CommandRows['pinned'] & { readonly model: string },
  { start }: SearchProblem,
): PruneSettings {
  const paths: Partial<Record<(typeof PATH_SETTINGS)[number], string>> = {};
  for (const name of PATH_SETTINGS) {
    const path = settings.values[name];
    if (path !== undefined) paths[name] = resolve(path);
  }
  const startMask = start && { startMask: [formatMask(start)] };
  return { ...settings, values: { ...settings.values, ...pinned, ...paths, ...startMask } };
}

function timestamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
}
