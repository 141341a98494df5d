import { resolve } from 'node:path';
import {
  DENSE,
  formatMask,
  parseMask,
  requirePresent,
  type Mask,
  type ModelShape,
} from '@blockpruner/blocks';
import { rowSetsOf } from '@blockpruner/journal';
import { perplexityOf, setScores, type RowSet, type Score } from '@blockpruner/perplexity';
import { formatTable } from '@blockpruner/telemetry';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { openModel } from '../inputs.ts';
import { openMonitoring, planMonitoring } from '../monitoring.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { openRows, rowSources } from '../run-rows.ts';
import { scoreMasks } from '../score-masks.ts';
import {
  INPUT_SETTINGS,
  MONITORING_SETTINGS,
  PRINT_SETTINGS,
  WORKER_SETTINGS,
  type SettingName,
} from '../setting.ts';
import { UsageError } from '../usage-error.ts';

export const SCORE_SETTINGS = [
  ...INPUT_SETTINGS,
  'mask',
  ...WORKER_SETTINGS,
  ...MONITORING_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

type ScoreSettings = ResolvedSettings<(typeof SCORE_SETTINGS)[number]>;

/** `blockpruner score`: the dense model and any masks on the calibration rows, the tool for checking by hand. */
export async function score(command: Command, open: (settings: ScoreSettings) => Console): Promise<void> {
  const settings = resolveSettings(command, SCORE_SETTINGS);
  const { values } = settings;
  const modelPath = requireSetting(settings, 'model');
  const sources = rowSources(settings); // what is wrong with them is said before the model is opened
  const cacheFolder = resolve(requireSetting(settings, 'cacheDir'));
  const monitoringPlan = planMonitoring(values);
  const console = open(settings);
  const { logger, progress } = console;
  const monitoring = await openMonitoring(monitoringPlan, console);

  const { checkpoint } = await openModel(modelPath, cacheFolder, logger, progress);
  const masks = (values.mask ?? []).map((text) => readMask(text, checkpoint.shape));
  const { rows, config } = await openRows(sources, settings, checkpoint, console);
  const sets = rowSetsOf(config);
  const all = [DENSE, ...masks];
  const scores = await scoreMasks(
    { checkpoint, masks: all, rows, sets, workers: values, cacheFolder },
    console,
    monitoring,
  );
  const scored = all.map((mask, i): [Mask, Score] => [mask, scores[i]]);
  console.print(report(scored, sets, values.json ?? false));
}

function readMask(text: string, shape: ModelShape): Mask {
  try {
    const mask = parseMask(text, shape.layerCount);
    requirePresent(shape, mask);
    return mask;
  } catch (error) {
    throw new UsageError(`--mask ${text}: ${(error as Error).message}`);
  }
}

/** @param sets where there are several, each one's own score is told beside that of all */
function report([dense, ...masks]: [Mask, Score][], sets: readonly RowSet[], json: boolean): string {
  const several = sets.length > 1 ? sets : [];
  const scoresOfSets = ({ rows }: Score): number[] => setScores(rows, several);
  if (json) {
    const fields = (result: Score) => ({
      score: result.score,
      perplexity: result.perplexity,
      rows: result.rows,
      ...(several.length > 0 && {
        sets: scoresOfSets(result).map((score) => ({ score, perplexity: perplexityOf(score) })),
      }),
    });
    return JSON.stringify({
      dense: fields(dense[1]),
      masks: masks.map(([mask, result]) => ({ mask: formatMask(mask), ...fields(result) })),
    });
  }
  return formatTable(
    [dense, ...masks],
    [
      { title: 'mask', value: ([mask]) => formatMask(mask) },
      { title: 'score', value: ([, { score }]) => score.toFixed(6), align: 'right' },
      { title: 'perplexity', value: ([, { perplexity }]) => perplexity.toFixed(4), align: 'right' },
      { title: 'delta', value: ([, { score }]) => (score - dense[1].score).toFixed(6), align: 'right' },
      ...several.map((_, i) => ({
        title: `score of set ${i + 1}`,
        value: ([, result]: [Mask, Score]) => scoresOfSets(result)[i].toFixed(6),
        align: 'right' as const,
      })),
    ],
  );
}
