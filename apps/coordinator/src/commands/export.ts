import { resolve } from 'node:path';
import {
  exportIdentity,
  firstAttentionNote,
  modelCard,
  prunedModel,
  writeExport,
  type ExportPlan,
  type WriteOptions,
  type WriteReport,
} from '@blockpruner/export';
import { readRunRows } from '@blockpruner/journal';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { createdWith } from '../created-with.ts';
import { checkExport, removeAbandonedChecks, type CheckedExport } from '../export-check.ts';
import { measureHealing } from '../export-healing.ts';
import { planFollowing, planFormat, requireExpressible } from '../export-format.ts';
import { exportProvenance } from '../export-provenance.ts';
import { exportReport } from '../export-report.ts';
import { readExportRequest, type ExportRequest } from '../export-request.ts';
import { openModel } from '../inputs.ts';
import { Interrupted, onInterrupt } from '../interrupt.ts';
import { bytesProgress } from '../locate-inputs.ts';
import { requireRunAlone, sizeOfRun } from '../model-reference.ts';
import { planRemovalLists } from '../removal-lists.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { requireModelOfRun, requireModelThere } from '../run-model.ts';
import { PRINT_SETTINGS, type SettingName } from '../setting.ts';
import { UsageError } from '../usage-error.ts';
import { longestRowTokens, planWorkers } from '../worker-plan.ts';

/** What `export` takes besides the run. */
export const EXPORT_SETTINGS = [
  'at',
  'to',
  'output',
  'exportDtype',
  'compat',
  'heal',
  'skipCheck',
  'model',
  'cacheDir',
  'workers',
  'threads',
  'memoryLimit',
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

/** Of options that mean something else here. */
export const EXPORT_DESCRIPTIONS = {
  model: 'where the model of the run is now (default: where it was)',
  output: 'folder to write, new or empty; an export that was interrupted goes on',
  workers: 'worker processes that score the export before it gets its name',
} as const;

type ExportSettings = ResolvedSettings<(typeof EXPORT_SETTINGS)[number]>;

/** `blockpruner export RUN`: the model that a run has led to, in a form that others run. */
export async function exportRun(
  run: string,
  command: Command,
  open: (settings: ExportSettings) => Console,
): Promise<void> {
  const settings = resolveSettings(command, EXPORT_SETTINGS);
  const { at, json = false } = settings.values;
  const request = await readExportRequest(settings);
  const { format } = request;
  await requireRunAlone(run);
  const ofRun = await sizeOfRun(run, at);
  const { view, size } = ofRun;
  if (request.heal && size.mask.length === 0) {
    throw new UsageError('--heal is for what removed blocks leave, and at 0 none is gone: leave it out');
  }
  const console = open(settings);
  if (format.to === 'mask') {
    const plan = planRemovalLists(ofRun);
    const written = await write(request, plan, `${view.configHash} ${size.mask.length}`, console);
    console.print(exportReport({ request, model: null, report: written, checked: null }, json));
    return;
  }

  const then = await createdWith(run, settings);
  const cacheFolder = resolve(requireSetting(then, 'cacheDir'));
  await removeAbandonedChecks(cacheFolder);
  const modelName = requireSetting(then, 'model');
  if (settings.values.model === undefined) {
    requireModelThere(modelName, run, 'say where it is now with --model');
  }
  const { checkpoint } = await openModel(modelName, cacheFolder, console.logger, console.progress);
  requireModelOfRun(checkpoint, { path: run, modelFingerprint: view.config.modelFingerprint });
  const { workers, threads, memoryLimit } = settings.values;
  const rows = request.check || request.heal ? await readRunRows(run) : [];
  // Numbers of the same weights are the same in fp32.
  const by = { workers, threads, memoryLimit, dtype: 'fp32' as const };
  // Workers that cannot be started are heard of before anything is written for them.
  if (request.check) planWorkers(by, checkpoint.shape, longestRowTokens(rows));
  const report = bytesProgress(console.progress);
  await requireExpressible(checkpoint, size.mask, format, request.heal, (done, total) =>
    report(done, total, 'looking for weights beyond fp16'),
  );
  console.progress.clear();
  const healed = request.heal
    ? await measureHealing(ofRun, rows, { modelPath: checkpoint.sourcePath, cacheFolder, threads }, console)
    : null;
  const model = prunedModel(checkpoint, size.mask, healed?.healing);
  const card = modelCard(exportProvenance(ofRun, then, model, format, request.dtype, healed));
  const plan = await planFormat(model, format, card);
  const note = firstAttentionNote(model);
  for (const each of note === null ? plan.notes : [note, ...plan.notes]) console.logger.warn(each);
  let checked: CheckedExport | null = null;
  const check = async (path: string): Promise<void> => {
    checked = await checkExport({ path, model, format, rows, healed, workers: by, cacheFolder }, console);
  };
  const identity = exportIdentity(model, { ...format });
  const written = await write(request, plan, identity, console, {
    ...(request.check && { check }),
    ...planFollowing(format, cacheFolder),
  });
  console.print(exportReport({ request, model, report: written, checked }, json));
}

async function write(
  { output }: ExportRequest,
  plan: ExportPlan,
  identity: string,
  { logger, progress }: Console,
  { check, following }: Pick<WriteOptions, 'check' | 'following'> = {},
): Promise<WriteReport> {
  const interrupt = new AbortController();
  const restoreSignals = onInterrupt((reason) => interrupt.abort(reason));
  const report = bytesProgress(progress);
  const options = {
    identity,
    ...(following && { following }),
    ...(check && {
      check: (path: string) => {
        progress.clear();
        return check(path);
      },
    }),
    onProgress: (done: number, total: number, name: string) => report(done, total, `writing ${name}`),
    signal: interrupt.signal,
  };
  const written = await writeExport(output, plan, options)
    .catch((error: unknown) => {
      if (error instanceof Interrupted) {
        logger.warn(`${error.message}: what was written stays, and the same command goes on with it`);
      }
      throw error;
    })
    .finally(restoreSignals);
  progress.clear();
  for (const note of written.notes) logger.info(note);
  return written;
}
