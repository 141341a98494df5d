import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatMask, makeMask, parseBlockList } from '@blockpruner/blocks';
import { isCommit, parseDatasetReference, parseModelReference } from '@blockpruner/hub';
import { formatCalibrationSource, parseCalibrationSources } from './calibration-source.ts';
import { createdWith } from './created-with.ts';
import { SEARCH_SETTINGS, type PruneSettings } from './prune-settings.ts';
import { ROW_SETTINGS, setting } from './setting.ts';
import { readStartBlocks } from './start-mask.ts';
import { UsageError } from './usage-error.ts';

/**
 * The options that affect numbers and cannot change any more. The model is told by its content instead, and how much is
 * to go may change.
 */
const FIXED_SETTINGS = [
  'calibration',
  'heldOut',
  'heldOutRows',
  ...ROW_SETTINGS,
  ...SEARCH_SETTINGS,
] as const;

/**
 * Compares the options given now with those that a run was created with.
 * @returns the options now, the model by its pinned name where they mean that one
 * @throws UsageError naming the first option that affects numbers and differs, RunError where the run cannot be read
 */
export async function settingsOfRun(run: string, now: PruneSettings): Promise<PruneSettings> {
  const then = await createdWith(run, { values: {}, origins: {} });
  for (const name of FIXED_SETTINGS) {
    const [given, created] = [meaning(now, name, then), meaning(then, name, then)];
    if (given === created) continue;
    const isDefault = now.origins[name] === 'default' ? ' by default' : '';
    throw new UsageError(
      `--${setting(name).key} is ${shortened(given)}${isDefault}, the run in ${run} was created with ${shortened(created)}: give what it was created with, or another --output`,
    );
  }
  const { model } = now.values;
  const pinned = then.values.model;
  const isPinned = model !== undefined && pinned !== undefined && meansModel(model, pinned);
  return isPinned ? { ...now, values: { ...now.values, model: pinned } } : now;
}

/** A text that is equal for options with the same meaning, whatever they are written like. */
function meaning(
  { values }: PruneSettings,
  name: (typeof FIXED_SETTINGS)[number],
  then: PruneSettings,
): string {
  const value = values[name];
  if (value === undefined) return 'none';
  if (name === 'calibration') {
    return calibrationSets([value].flat() as string[], [then.values.calibration ?? []].flat());
  }
  if (name === 'heldOut') return pinnedText(String(value), then.values.heldOut);
  if (name === 'keep') return keptBlocks(String(value));
  if (name === 'startMask') {
    const blocks = (value as string[]).flatMap((given) => readStartBlocks(given).blocks);
    return formatMask(makeMask(new Set(blocks)));
  }
  return String(value);
}

/** Blocks may be named alone and with their layer; what names none is refused by its difference. */
function keptBlocks(given: string): string {
  try {
    return formatMask(makeMask(new Set(parseBlockList(given))));
  } catch {
    return given;
  }
}

function calibrationSets(given: readonly string[], created: readonly string[]): string {
  const pins = parseCalibrationSources(created);
  return parseCalibrationSources(given)
    .map((source, i) =>
      formatCalibrationSource({ ...source, given: pinnedText(source.given, pins.at(i)?.given) }),
    )
    .join(' and ');
}

/** What names a text from any folder; of a dataset, the revision that the run has. */
function pinnedText(given: string, created: string | undefined): string {
  const reference = parseDatasetReference(given);
  if (reference === null) return resolve(given);
  const pin = parseDatasetReference(created ?? '');
  return pin?.repository === reference.repository &&
    pin.split === reference.split &&
    !isOtherCommit(reference.revision, pin.revision)
    ? (created ?? given)
    : given;
}

function meansModel(given: string, pinned: string): boolean {
  const reference = existsSync(given) ? null : parseModelReference(given);
  if (reference === null) return resolve(given) === pinned;
  const pin = parseModelReference(pinned);
  return (
    pin?.repository === reference.repository &&
    pin.file === reference.file &&
    !isOtherCommit(reference.revision, pin.revision)
  );
}

/** A branch or a tag is what it was when the run was created. */
function isOtherCommit(revision: string, pinned: string): boolean {
  return isCommit(revision) && revision !== pinned;
}

function shortened(value: string): string {
  return value.length > 80 ? `${value.slice(0, 79)}…` : value;
}
