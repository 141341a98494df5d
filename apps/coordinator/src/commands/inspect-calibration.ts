import { inspectCalibration } from '@blockpruner/calibration';
import { readTokenizerFiles } from '@blockpruner/checkpoint';
import type { Command } from 'commander';
import { calibrationReport } from '../calibration-report.ts';
import type { Console } from '../console.ts';
import { rowOptions } from '../inputs.ts';
import { bytesProgress, locateCalibration, locateModel } from '../locate-inputs.ts';
import { resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { PRINT_SETTINGS, ROW_SETTINGS, type SettingName } from '../setting.ts';

export const INSPECT_SETTINGS = [
  'model',
  ...ROW_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

type InspectSettings = ResolvedSettings<(typeof INSPECT_SETTINGS)[number]>;

/**
 * `blockpruner calibration inspect FILE`: what the file holds, and which rows it gives. With a model, whose weights
 * are not read, it counts in tokens.
 */
export async function inspect(
  given: string,
  command: Command,
  open: (settings: InspectSettings) => Console,
): Promise<void> {
  const settings = resolveSettings(command, INSPECT_SETTINGS);
  const console = open(settings);
  const { logger, progress } = console;
  const { model } = settings.values;
  const { files } = await locateCalibration(given, logger, progress);
  const tokenizer =
    model === undefined ? null : await readTokenizerFiles((await locateModel(model, logger, progress)).path);
  const report = bytesProgress(progress);
  const found = await inspectCalibration({
    ...rowOptions(settings),
    name: given,
    files,
    tokenizer,
    onProgress: (done, total) => report(done, total, `reading ${given}`),
  });
  progress.clear();
  console.print(settings.values.json ? JSON.stringify(found) : calibrationReport(found));
}
