import { DENSE } from '@blockpruner/blocks';
import type { Measurement } from '@blockpruner/generation';
import type { Command } from 'commander';
import { benchRatios, benchResult, benchTable } from '../bench-report.ts';
import type { Console } from '../console.ts';
import type { ModelProcess } from '../model-process.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { findModels, ONE_MODEL_SETTINGS, startModel, withProcesses } from '../running-model.ts';
import { PRINT_SETTINGS, type SettingName } from '../setting.ts';

export const BENCH_SETTINGS = [
  'promptTokens',
  'newTokens',
  'rounds',
  ...ONE_MODEL_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

export const BENCH_DESCRIPTIONS = {
  threads: 'threads to compute with (default: all cores)',
  dtype: 'of weights and products inside blocks: auto, fp32, bf16 or fp16',
};

type BenchSettings = ResolvedSettings<(typeof BENCH_SETTINGS)[number]>;

/**
 * `blockpruner bench MODEL...`: how fast models generate, and what memory they take, each in a process of its own. They
 * take turns, so that what else the machine does meets all of them; the first round of each is not counted.
 */
export async function bench(
  models: readonly string[],
  command: Command,
  open: (settings: BenchSettings) => Console,
): Promise<void> {
  const settings = resolveSettings(command, BENCH_SETTINGS);
  const console = open(settings);
  const { progress } = console;
  const rounds = requireSetting(settings, 'rounds');
  const asked = {
    promptTokens: requireSetting(settings, 'promptTokens'),
    newTokens: requireSetting(settings, 'newTokens'),
  };
  const found = await findModels(models, DENSE, console);
  const processes: ModelProcess[] = [];
  const measured = models.map((): Measurement[] => []);
  await withProcesses(processes, async () => {
    for (const [i, model] of found.entries()) {
      const process = await startModel(model, settings, console);
      processes.push(process);
      progress.update({ title: `warming up ${model.given}`, done: i, total: models.length });
      await process.ask('measure', asked);
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, process] of processes.entries()) {
        const done = round * models.length + i;
        progress.update({ title: `measuring ${models[i]}`, done, total: rounds * models.length });
        measured[i].push(await process.ask('measure', asked));
      }
    }
    progress.clear();
  });
  const results = models.map((model, i) => benchResult(model, asked, measured[i]));
  const ofFirst = results.map((result) => ({ ...result, ratios: benchRatios(result, results[0]) }));
  console.print(
    settings.values.json ? JSON.stringify({ ...asked, rounds, models: ofFirst }) : benchTable(results),
  );
}
