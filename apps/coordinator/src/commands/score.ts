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
import { CellTable, perplexityOf, setScores, type RowSet, type Score } from '@blockpruner/perplexity';
import { formatTable } from '@blockpruner/telemetry';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { openModel } from '../inputs.ts';
import { onInterrupt } from '../interrupt.ts';
import { openMonitoring, planMonitoring } from '../monitoring.ts';
import { nameClasses } from '../numeric-class.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { openRows, rowSources } from '../run-rows.ts';
import { newRunId, RunningFleet } from '../running-fleet.ts';
import {
  INPUT_SETTINGS,
  MONITORING_SETTINGS,
  PRINT_SETTINGS,
  WORKER_SETTINGS,
  type SettingName,
} from '../setting.ts';
import { RunError, UsageError } from '../usage-error.ts';
import { longestRowTokens, planWorkers } from '../worker-plan.ts';

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
  const { metrics, readiness } = await openMonitoring(monitoringPlan, console);

  const { checkpoint } = await openModel(modelPath, cacheFolder, logger, progress);
  const masks = (values.mask ?? []).map((text) => readMask(text, checkpoint.shape));
  const { rows, config } = await openRows(sources, settings, checkpoint, console);
  const sets = rowSetsOf(config);
  const cells = new CellTable(config.rowTokens, sets);
  const longestRow = longestRowTokens(rows);
  const classes = new Set<string>();
  const fleet = await RunningFleet.listen({
    runId: newRunId(),
    checkpoint,
    rows,
    plan: planWorkers(values, checkpoint.shape, longestRow),
    cacheFolder,
    logger,
    progress,
    onCells: (arrived, { numericClass }) => {
      for (const cell of arrived) cells.add(cell);
      classes.add(numericClass);
    },
    onCorrected: (corrected) => {
      for (const cell of corrected) cells.replace(cell);
    },
    onNote: () => undefined,
    metrics,
  });
  const restoreSignals = onInterrupt((reason) => fleet.driver.fail(reason));
  const scored: [Mask, Score][] = [];
  try {
    fleet.start();
    readiness.ready();
    for (const mask of [DENSE, ...masks]) {
      const sweep = { base: mask, candidates: [], baseline: true };
      await fleet.evaluate(sweep, [...rows.keys()], cells, `scoring ${formatMask(mask)}`);
      scored.push([mask, finiteScore(cells, mask)]);
    }
  } finally {
    restoreSignals();
    await fleet.stop(scored.length === 1 + masks.length);
  }
  if (classes.size > 1) logger.warn(`the scores used ${nameClasses([...classes])}`);
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

function finiteScore(cells: CellTable, mask: Mask): Score {
  const result = cells.score(mask, null);
  if (!result) throw new Error(`the score of ${formatMask(mask)} is incomplete`);
  const badRow = result.rows.findIndex((mean) => !Number.isFinite(mean));
  if (badRow >= 0) {
    throw new RunError(
      `the score of ${formatMask(mask)} is ${result.rows[badRow]} on row ${badRow}: the model computes no number there; check the checkpoint and the row`,
    );
  }
  return result;
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
