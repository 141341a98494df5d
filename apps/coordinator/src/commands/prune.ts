import { basename, join, resolve } from 'node:path';
import type { Checkpoint } from '@blockpruner/checkpoint';
import type { CalibrationSet } from '@blockpruner/calibration';
import { RunFolder, type RunConfig } from '@blockpruner/journal';
import { checkProblem, type SearchProblem, type StopRule } from '@blockpruner/search';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { describeEnvironment } from '../environment.ts';
import { openCalibration, openModel } from '../inputs.ts';
import { dryRunReport } from '../dry-run-report.ts';
import { requireSetting, resolveSettings, settingsYaml, type ResolvedSettings } from '../resolve-settings.ts';
import { newRunId } from '../running-fleet.ts';
import { carryOut } from '../run-session.ts';
import { INPUT_SETTINGS, PRINT_SETTINGS, WORKER_SETTINGS, type SettingName } from '../setting.ts';
import { UsageError } from '../usage-error.ts';
import { planWorkers } from '../worker-plan.ts';

export const PRUNE_SETTINGS = [
  ...INPUT_SETTINGS,
  'remove',
  'ratio',
  'blockType',
  'search',
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
  const calibrationPath = requireSetting(settings, 'calibration');
  const cacheFolder = resolve(requireSetting(settings, 'cacheDir'));
  const stop = stopRule(settings);
  const console = open(settings);
  const { logger, progress } = console;

  const checkpoint = await openModel(modelPath, cacheFolder, logger, progress);
  const problem: SearchProblem = {
    shape: checkpoint.shape,
    blockType: requireSetting(settings, 'blockType'),
    stop,
  };
  checkProblem(problem);
  const calibration = await openCalibration(calibrationChoice(settings, calibrationPath), checkpoint, logger);
  const longestRow = Math.max(...calibration.rows.map((row) => row.length));
  const plan = planWorkers(values.workers, values.listen, checkpoint.shape, longestRow);
  if (values.dryRun) {
    console.print(dryRunReport(problem, calibration, plan, values.json ?? false));
    return;
  }

  const runId = newRunId();
  const path = resolve(values.output ?? join('runs', `${timestamp()}-${modelName(checkpoint)}-${runId}`));
  await carryOut({
    console,
    runId,
    checkpoint,
    problem,
    plan,
    cacheFolder,
    json: values.json ?? false,
    rows: calibration.rows,
    openFolder: () =>
      RunFolder.create(path, {
        config: runConfig(checkpoint, calibration, problem),
        configYaml: settingsYaml(absolutePaths(settings)),
        environment: describeEnvironment(),
        calibrationRows: calibration.rows,
        createdAt: new Date().toISOString(),
      }),
  });
}

/** What the numbers of a run follow from; a resume with anything else is refused. */
export function runConfig(
  checkpoint: Checkpoint,
  calibration: CalibrationSet,
  problem: SearchProblem,
): RunConfig {
  return {
    modelFingerprint: checkpoint.fingerprint,
    calibrationHash: calibration.contentHash,
    rowTokens: calibration.rows.map((row) => row.length),
    layerCount: checkpoint.shape.layerCount,
    blockType: problem.blockType,
    search: 'exhaustive',
    stop: problem.stop,
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

export function calibrationChoice(settings: ResolvedSettings<'rows' | 'seqLen' | 'seed'>, path: string) {
  return {
    path,
    rowCount: requireSetting(settings, 'rows'),
    rowTokens: requireSetting(settings, 'seqLen'),
    seed: requireSetting(settings, 'seed'),
  };
}

/** A resume may be started from another folder. */
function absolutePaths(settings: PruneSettings): PruneSettings {
  const values: Record<string, unknown> = { ...settings.values };
  for (const name of ['model', 'calibration', 'cacheDir', 'output']) {
    if (typeof values[name] === 'string') values[name] = resolve(values[name]);
  }
  return { ...settings, values };
}

function timestamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
}

function modelName(checkpoint: Checkpoint): string {
  return basename(checkpoint.sourcePath)
    .replace(/\.gguf$/, '')
    .replaceAll(/[^\w.-]/g, '_');
}
