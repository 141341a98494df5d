import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readRun, readRunContents, type RunContents } from '@blockpruner/journal';
import { CHECKPOINT_CACHE } from '@blockpruner/testkit';
import { runBlockpruner } from './blockpruner.ts';
import { cutRows, writeRows } from './calibration-rows.ts';
import type { BenchModel } from './models.ts';
import { UsageError } from './options.ts';
import type { SearchSet } from './search-sets.ts';

/**
 * The exhaustive search of a set, run once by the real command: every decision, and every cell that any strategy can
 * ask for on the way. One that was interrupted is gone on with.
 * @param folder that holds the recordings, each in a run folder with the name of its set
 * @throws UsageError where that folder holds a run of another model, other rows or another search
 */
export async function recordingOf(set: SearchSet, model: BenchModel, folder: string): Promise<RunContents> {
  const run = join(folder, set.name);
  const rows = await cutRows(set.text, model, set.rowCount, set.rowTokens, folder);
  const place = ['--model', model.path, '--cache-dir', CHECKPOINT_CACHE, '--log-format', 'pretty'];
  if (!existsSync(run)) {
    const rowsFile = join(folder, `${set.name}.rows.json`);
    await writeRows(rowsFile, rows);
    const what = ['--search', 'exhaustive', '--remove', String(set.remove), '--block-type', set.blockType];
    await runBlockpruner(['prune', ...place, '--calibration', rowsFile, ...what, '--output', run], true);
  } else if (!(await readRun(run)).finished) {
    await runBlockpruner(['resume', run, ...place], true);
  }
  const recorded = await readRunContents(run);
  requireSame(recorded, set, model, rows);
  return recorded;
}

function requireSame(
  { path, config, rows }: RunContents,
  { remove, blockType }: SearchSet,
  { checkpoint }: BenchModel,
  wanted: readonly Int32Array[],
): void {
  const idsOf = (all: readonly Int32Array[]): string => all.map((row) => row.join()).join(';');
  const { search, stop } = config;
  const isSameSearch =
    search === 'exhaustive' &&
    config.blockType === blockType &&
    stop.kind === 'remove' &&
    stop.count === remove;
  const differences = [
    ...(config.modelFingerprint === checkpoint.fingerprint ? [] : ['another model']),
    ...(idsOf(rows) === idsOf(wanted) ? [] : ['other rows']),
    ...(isSameSearch ? [] : ['another search']),
  ];
  if (differences.length === 0) return;
  throw new UsageError(
    `${path} is of ${differences.join(' and ')}: move it away, or name another folder with --recordings`,
  );
}
