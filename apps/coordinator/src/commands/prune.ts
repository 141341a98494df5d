import { join, resolve } from 'node:path';
import { formatMask, type ModelShape } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { RunFolder, type RunConfig } from '@blockpruner/journal';
import type { SearchMethod, SearchProblem } from '@blockpruner/search';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { describeEnvironment } from '../environment.ts';
import { openModel } from '../inputs.ts';
import { dryRunReport } from '../dry-run-report.ts';
import { requireSetting, resolveSettings, settingsYaml, type ResolvedSettings } from '../resolve-settings.ts';
import { newRunId } from '../running-fleet.ts';
import { openMonitoring, planMonitoring } from '../monitoring.ts';
import { openRows, rowSources, type CommandRows, type RowConfig } from '../run-rows.ts';
import { carryOut } from '../run-session.ts';
import { searchProblem } from '../search-problem.ts';
import { searchMethod } from '../search-settings.ts';
import {
  INPUT_SETTINGS,
  MONITORING_SETTINGS,
  PRINT_SETTINGS,
  WORKER_SETTINGS,
  type SettingName,
} from '../setting.ts';
import { readStartBlocks } from '../start-mask.ts';
import { requireStopRule } from '../stop-options.ts';
import { STOP_SETTINGS } from '../target-settings.ts';
import { longestRowTokens, planWorkers } from '../worker-plan.ts';

export const PRUNE_SETTINGS = [
  ...INPUT_SETTINGS,
  'heldOut',
  'heldOutRows',
  ...STOP_SETTINGS,
  'blockType',
  'keep',
  'startMask',
  'objective',
  'search',
  'confidence',
  'confirm',
  ...WORKER_SETTINGS,
  ...MONITORING_SETTINGS,
  'output',
  'dryRun',
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

type PruneSettings = ResolvedSettings<(typeof PRUNE_SETTINGS)[number]>;

/** `blockpruner prune`: the search on a model, from nothing to a run folder with a result. */
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
    checkpoint,
    problem,
    plan,
    cacheFolder,
    json: values.json ?? false,
    rows,
    openFolder: () =>
      RunFolder.create(path, {
        config: runConfig(checkpoint, config, problem, method, values.confirm),
        configYaml: settingsYaml(pinnedSettings(settings, { model: model.pinned, ...pinned }, problem)),
        environment: describeEnvironment(),
        calibrationRows: rows,
        createdAt: new Date().toISOString(),
      }),
  });
}

/** What the numbers of a run follow from; a resume with anything else is refused. */
export function runConfig(
  checkpoint: Checkpoint,
  rows: RowConfig,
  problem: SearchProblem,
  method: SearchMethod,
  confirm: RunConfig['confirm'],
): RunConfig {
  return {
    modelFingerprint: checkpoint.fingerprint,
    ...rows,
    layerCount: checkpoint.shape.layerCount,
    blockType: problem.blockType,
    ...method,
    stop: problem.stop,
    ...(confirm && { confirm }),
    ...(problem.keep && { keep: formatMask(problem.keep) }),
    ...(problem.start && { startMask: formatMask(problem.start) }),
    ...(problem.objective === 'score-per-param' && { objective: problem.objective }),
  };
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
