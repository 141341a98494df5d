import { join, resolve } from 'node:path';
import type { Checkpoint } from '@blockpruner/checkpoint';
import { RunFolder, type RunConfig } from '@blockpruner/journal';
import { checkProblem, type SearchMethod, type SearchProblem, type StopRule } from '@blockpruner/search';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { describeEnvironment } from '../environment.ts';
import { openModel } from '../inputs.ts';
import { dryRunReport } from '../dry-run-report.ts';
import { requireSetting, resolveSettings, settingsYaml, type ResolvedSettings } from '../resolve-settings.ts';
import { newRunId } from '../running-fleet.ts';
import { openRows, rowSources, type CommandRows, type RowConfig } from '../run-rows.ts';
import { carryOut } from '../run-session.ts';
import { searchMethod } from '../search-settings.ts';
import { INPUT_SETTINGS, PRINT_SETTINGS, WORKER_SETTINGS, type SettingName } from '../setting.ts';
import { UsageError } from '../usage-error.ts';
import { longestRowTokens, planWorkers } from '../worker-plan.ts';

export const PRUNE_SETTINGS = [
  ...INPUT_SETTINGS,
  'heldOut',
  'heldOutRows',
  'remove',
  'ratio',
  'blockType',
  'search',
  'confidence',
  'confirm',
  ...WORKER_SETTINGS,
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
  const stop = stopRule(settings);
  const method = searchMethod(settings);
  const console = open(settings);
  const { logger, progress } = console;

  const model = await openModel(modelPath, cacheFolder, logger, progress);
  const { checkpoint } = model;
  const problem: SearchProblem = {
    shape: checkpoint.shape,
    blockType: requireSetting(settings, 'blockType'),
    stop,
  };
  checkProblem(problem);
  const { rows, config, pinned } = await openRows(sources, settings, checkpoint, console);
  const plan = planWorkers(values, checkpoint.shape, longestRowTokens(rows));
  if (values.dryRun) {
    console.print(dryRunReport(problem, config, plan, values.json ?? false));
    return;
  }

  const runId = newRunId();
  const path = resolve(values.output ?? join('runs', `${timestamp()}-${model.name}-${runId}`));
  await carryOut({
    console,
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
        configYaml: settingsYaml(absolutePaths(settings, { model: model.pinned, ...pinned })),
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
  };
}

/** @throws UsageError unless exactly one of `--remove` and `--ratio` is given */
export function stopRule(settings: ResolvedSettings<'remove' | 'ratio'>): StopRule {
  const { remove, ratio } = settings.values;
  if (remove !== undefined && ratio !== undefined) {
    throw new UsageError(`--remove ${remove} and --ratio ${ratio} exclude each other: give one of them`);
  }
  if (remove !== undefined) return { kind: 'remove', count: remove };
  if (ratio !== undefined) return { kind: 'ratio', ratio };
  throw new UsageError(
    'how much is to go? give --remove <k> blocks, or --ratio <r> of the parameters, e.g. --ratio 0.2',
  );
}

const PATH_SETTINGS = ['cacheDir', 'output', 'tlsCert', 'tlsKey', 'tlsClientCa', 'tokenFile'] as const;

/** A resume may be started from another folder, and later, when a revision of the hub means something else. */
function absolutePaths(
  settings: PruneSettings,
  pinned: CommandRows['pinned'] & { readonly model: string },
): PruneSettings {
  const paths: Partial<Record<(typeof PATH_SETTINGS)[number], string>> = {};
  for (const name of PATH_SETTINGS) {
    const path = settings.values[name];
    if (path !== undefined) paths[name] = resolve(path);
  }
  return { ...settings, values: { ...settings.values, ...pinned, ...paths } };
}

function timestamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
}
