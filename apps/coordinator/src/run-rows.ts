import { contentHash, type CalibrationSet } from '@blockpruner/calibration';
import type { Checkpoint } from '@blockpruner/checkpoint';
import type { RunConfig } from '@blockpruner/journal';
import { weighSets } from '@blockpruner/perplexity';
import type { Logger } from '@blockpruner/telemetry';
import {
  formatCalibrationSource,
  parseCalibrationSources,
  type CalibrationSource,
} from './calibration-source.ts';
import type { Console } from './console.ts';
import { openRowSet, rowOptions } from './inputs.ts';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import { setting, type ROW_SETTINGS } from './setting.ts';
import { UsageError } from './usage-error.ts';

/** The options that name rows and say how they are made. */
type RowSettings = ResolvedSettings<
  'calibration' | 'heldOut' | 'heldOutRows' | (typeof ROW_SETTINGS)[number]
>;

/** Where the rows of a command come from. */
interface RowSources {
  readonly calibration: readonly CalibrationSource[];
  readonly heldOut: string | null;
}

/** What of a run's config follows from its rows. */
export type RowConfig = Pick<
  RunConfig,
  'calibrationHash' | 'rowTokens' | 'sets' | 'heldOutRowCount' | 'heldOutHash'
>;

/** The rows of a command. */
export interface CommandRows {
  /** Of each calibration set, one after the other; then the held-out ones. */
  readonly rows: readonly Int32Array[];
  readonly config: RowConfig;
  /** What names the same rows later, from any folder: values of their options. */
  readonly pinned: { readonly calibration: string | string[]; readonly heldOut?: string };
}

/**
 * Reads which rows are asked for, before anything is opened.
 * @throws UsageError for a missing set, weights that do not go together, and rows of no held-out text
 */
export function rowSources(settings: RowSettings): RowSources {
  const calibration = parseCalibrationSources([requireSetting(settings, 'calibration')].flat());
  const { heldOut = null, heldOutRows } = settings.values;
  if (heldOut === null && heldOutRows !== undefined) {
    throw new UsageError(
      `--${setting('heldOutRows').key} ${heldOutRows} has no text to take rows of: give one with --held-out <file>`,
    );
  }
  return { calibration, heldOut };
}

/**
 * Loads all rows of a command with the model's own tokenizer.
 * @throws HubError, CheckpointError, CalibrationError for a set that cannot be used
 */
export async function openRows(
  { calibration, heldOut }: RowSources,
  settings: RowSettings,
  checkpoint: Checkpoint,
  console: Pick<Console, 'logger' | 'progress'>,
): Promise<CommandRows> {
  const options = rowOptions(settings);
  const sets: CalibrationSet[] = [];
  const pinned: string[] = [];
  for (const source of calibration) {
    const opened = await openRowSet(source.given, 'calibration', options, checkpoint, console);
    sets.push(opened.set);
    pinned.push(formatCalibrationSource({ ...source, given: opened.pinned }));
  }
  const rowCount = settings.values.heldOutRows ?? options.rowCount;
  const others =
    heldOut === null
      ? null
      : await openRowSet(heldOut, 'held-out', { ...options, rowCount }, checkpoint, console);
  const config = rowConfig(
    sets,
    calibration.map(({ weight }) => weight),
    others?.set ?? null,
  );
  sayWeights(console.logger, calibration, config);
  if (others) warnOfSharedRows(console.logger, sets, others.set);
  return {
    rows: [...sets, ...(others ? [others.set] : [])].flatMap(({ rows }) => rows),
    config,
    pinned: {
      calibration: pinned.length === 1 ? pinned[0] : pinned,
      ...(others && { heldOut: others.pinned }),
    },
  };
}

/**
 * What of a run's config follows from its rows. One set without held-out rows gives what it gave before there could be
 * more.
 * @param weights of the sets: all of them are null, or none
 */
export function rowConfig(
  sets: readonly Pick<CalibrationSet, 'rows' | 'contentHash'>[],
  weights: readonly (number | null)[],
  heldOut: Pick<CalibrationSet, 'rows' | 'contentHash'> | null,
): RowConfig {
  const rows = sets.flatMap((set) => set.rows);
  const given = weights.filter((weight) => weight !== null);
  const rowSets = weighSets(
    sets.map((set) => set.rows.length),
    given.length === 0 ? null : given,
  );
  return {
    calibrationHash: contentHash(rows),
    rowTokens: [...rows, ...(heldOut?.rows ?? [])].map((row) => row.length),
    ...(sets.length > 1 && {
      sets: rowSets.map((set, i) => ({ ...set, contentHash: sets[i].contentHash })),
    }),
    ...(heldOut && { heldOutRowCount: heldOut.rows.length, heldOutHash: heldOut.contentHash }),
  };
}

function sayWeights(logger: Logger, sources: readonly CalibrationSource[], { sets }: RowConfig): void {
  if (!sets) return;
  const named = sets.map(({ rowCount, weight }, i) => ({
    set: i + 1,
    calibration: sources[i].given,
    rows: rowCount,
    weight,
  }));
  const words = named.map(
    ({ set, calibration, rows, weight }) =>
      `set ${set} is ${calibration}, ${rows} rows, weight ${weight.toFixed(4)}`,
  );
  logger.info({ sets: named }, `${sets.length} calibration sets: ${words.join('; ')}`);
}

/** Held-out rows on which the search was calibrated too show nothing of over-fitting. */
function warnOfSharedRows(
  logger: Logger,
  sets: readonly Pick<CalibrationSet, 'rows'>[],
  heldOut: Pick<CalibrationSet, 'rows'>,
): void {
  const calibrated = new Set(sets.flatMap(({ rows }) => rows.map((row) => contentHash([row]))));
  const shared = heldOut.rows.filter((row) => calibrated.has(contentHash([row]))).length;
  if (shared === 0) return;
  logger.warn(
    { sharedRows: shared, heldOutRows: heldOut.rows.length },
    `${shared} of ${heldOut.rows.length} held-out rows are calibration rows too: their score hides over-fitting; give another text with --held-out, or another --seed`,
  );
}
