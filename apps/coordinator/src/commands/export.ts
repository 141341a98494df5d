import { resolve } from 'node:path';
import { openCheckpoint } from '@blockpruner/checkpoint';
import {
  exportIdentity,
  firstAttentionNote,
  modelCard,
  planGguf,
  planHuggingFace,
  planOnnx,
  planOnnxInt4,
  prunedModel,
  writeExport,
  type ExportPlan,
  type PrunedModel,
  type WriteOptions,
  type WriteReport,
} from '@blockpruner/export';
import { readRunRows } from '@blockpruner/journal';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { createdWith } from '../created-with.ts';
import { checkExport, type CheckedExport } from '../export-check.ts';
import { measureHealing } from '../export-healing.ts';
import { exportProvenance } from '../export-provenance.ts';
import { exportReport } from '../export-report.ts';
import { readExportRequest, type ExportFormat, type ExportRequest } from '../export-request.ts';
import { openModel } from '../inputs.ts';
import { onInterrupt } from '../interrupt.ts';
import { bytesProgress } from '../locate-inputs.ts';
import { requireRunAlone, sizeOfRun } from '../model-reference.ts';
import { planRemovalLists } from '../removal-lists.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { requireModelOfRun } from '../run-model.ts';
import { PRINT_SETTINGS, type SettingName } from '../setting.ts';

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

const OF_WEIGHTS = /\.(safetensors|safetensors\.index\.json|py)$/;

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
  const console = open(settings);
  if (format.to === 'mask') {
    const plan = planRemovalLists(ofRun);
    const written = await write(request, plan, `${view.configHash} ${size.mask.length}`, console);
    console.print(exportReport({ request, model: null, report: written, checked: null }, json));
    return;
  }

  const then = await createdWith(run, settings);
  const cacheFolder = resolve(requireSetting(then, 'cacheDir'));
  const { checkpoint } = await openModel(
    requireSetting(then, 'model'),
    cacheFolder,
    console.logger,
    console.progress,
  );
  requireModelOfRun(checkpoint, { path: run, modelFingerprint: view.config.modelFingerprint });
  const { workers, threads, memoryLimit } = settings.values;
  const rows = await readRunRows(run);
  const healed = request.heal
    ? await measureHealing(ofRun, rows, { modelPath: checkpoint.sourcePath, cacheFolder, threads }, console)
    : null;
  const model = prunedModel(checkpoint, size.mask, healed?.healing);
  const dtype = requireSetting(settings, 'exportDtype');
  const card = modelCard(exportProvenance(ofRun, then, model, format, dtype, healed));
  const plan = await planFormat(model, format, card);
  const note = firstAttentionNote(model);
  for (const each of note === null ? plan.notes : [note, ...plan.notes]) console.logger.warn(each);
  let checked: CheckedExport | null = null;
  const check = async (path: string): Promise<void> => {
    // Numbers of the same weights are the same in fp32.
    const by = { workers, threads, memoryLimit, dtype: 'fp32' as const };
    checked = await checkExport({ path, model, format, rows, healed, workers: by, cacheFolder }, console);
  };
  const identity = exportIdentity(model, { ...format });
  const written = await write(request, plan, identity, console, {
    ...(request.check && { check }),
    ...followingOf(format, cacheFolder),
  });
  console.print(exportReport({ request, model, report: written, checked }, json));
}

/** @throws ExportError for what the format cannot express */
async function planFormat(
  model: PrunedModel,
  format: Exclude<ExportFormat, { to: 'mask' }>,
  card: string,
): Promise<ExportPlan> {
  switch (format.to) {
    case 'hf':
      return planHuggingFace(model, { dtype: format.dtype, compat: format.compat, card });
    case 'gguf':
      return planGguf(model, { type: format.type, card });
    case 'onnx': {
      if (format.dtype === 'int4') {
        const folder = await planHuggingFace(model, { dtype: 'source', compat: false, card });
        const { files, notes } = await planOnnxInt4(model);
        // Tokenizer and config are the folder's; its weights and the code that runs them are not of a graph.
        return { files: [...folder.files.filter(({ name }) => !OF_WEIGHTS.test(name)), ...files], notes };
      }
      // What the graph cannot express is refused here too, before its weights are written.
      await planOnnx(model.checkpoint, { dtype: format.dtype });
      return planHuggingFace(model, { dtype: format.dtype, compat: false, card });
    }
  }
}

/** The graph of an ONNX export points into the weights that were written, save one in 4 bits, which has its own. */
function followingOf(format: ExportFormat, cacheFolder: string): Pick<WriteOptions, 'following'> {
  if (format.to !== 'onnx' || format.dtype === 'int4') return {};
  const { dtype } = format;
  return { following: async (folder) => planOnnx(await openCheckpoint(folder, { cacheFolder }), { dtype }) };
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
  const written = await writeExport(output, plan, options).finally(restoreSignals);
  progress.clear();
  for (const note of written.notes) logger.info(note);
  return written;
}
