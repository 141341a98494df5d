import { existsSync } from 'node:fs';
import { UsageError } from './usage-error.ts';

/** One `--calibration`: what is to be read, and how much it counts beside others. */
export interface CalibrationSource {
  /** A file, a folder, a glob, or a dataset of the hub. */
  readonly given: string;
  /** In any unit that all have in common; null where none is given. */
  readonly weight: number | null;
}

const MIN_WEIGHT = 1e-6;
const MAX_WEIGHT = 1e6;
const WEIGHT = /^(.+):([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/is;

/**
 * Reads the values of `--calibration`. A trailing `:<number>` is a weight, unless a file of that whole name is there.
 * @throws UsageError for a weight out of range, and where some of several have one and others have none
 */
export function parseCalibrationSources(texts: readonly string[]): CalibrationSource[] {
  const sources = texts.map(parseSource);
  const weighed = sources.find(({ weight }) => weight !== null);
  const bare = sources.find(({ weight }) => weight === null);
  if (weighed && bare) {
    throw new UsageError(
      `--calibration ${bare.given} has no weight, and ${weighed.given} has ${weighed.weight}: give each set one, e.g. ${bare.given}:1, or none of them`,
    );
  }
  return sources;
}

function parseSource(text: string): CalibrationSource {
  const match = existsSync(text) ? null : WEIGHT.exec(text);
  if (match === null) return { given: text, weight: null };
  const [, given, number] = match;
  const weight = Number(number);
  if (!(weight >= MIN_WEIGHT && weight <= MAX_WEIGHT)) {
    throw new UsageError(
      `--calibration ${text}: the weight ${number} is not a number from 0.000001 to ${MAX_WEIGHT}; give one in that range, e.g. ${given}:1`,
    );
  }
  return { given, weight };
}

/** What `parseCalibrationSources` reads as the same source. */
export function formatCalibrationSource({ given, weight }: CalibrationSource): string {
  return weight === null ? given : `${given}:${weight}`;
}
