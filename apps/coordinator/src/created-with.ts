import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PRUNE_SETTINGS, type PruneSettings, type ResumeSettings } from './prune-settings.ts';
import type { ResolvedSettings } from './resolve-settings.ts';
import { setting, WORKER_SETTINGS } from './setting.ts';
import { RunError } from './usage-error.ts';
import type { WorkerSettings } from './worker-plan.ts';

/** Where workers come from is chosen now or was then, as a whole; their other options one by one. */
export function workerSettings(now: ResumeSettings, then: PruneSettings): WorkerSettings {
  const given = Object.fromEntries(
    WORKER_SETTINGS.filter((name) => (now.origins[name] ?? 'default') !== 'default').map((name) => [
      name,
      now.values[name],
    ]),
  );
  const { workers, listen } = now.values.workers || now.values.listen ? now.values : then.values;
  return { ...then.values, ...given, workers, listen };
}

/** What may be elsewhere now than it was then. */
type Overrides = ResolvedSettings<'model' | 'cacheDir' | 'confirm'>;

/** The options the run was created with, under those given now. */
export async function createdWith(run: string, now: Overrides): Promise<PruneSettings> {
  const path = join(run, 'config.yaml');
  const content: unknown = parse(await readFile(path, 'utf8').catch(() => ''));
  if (typeof content !== 'object' || content === null) {
    throw new RunError(`${path} cannot be read: restore it from a copy, or start a new run`);
  }
  const values: Record<string, unknown> = {};
  for (const name of PRUNE_SETTINGS) {
    const { key, schema } = setting(name);
    const stored = (content as Record<string, unknown>)[key];
    if (stored === undefined) continue;
    const parsed = schema.safeParse(stored);
    if (!parsed.success) {
      throw new RunError(
        `${path}: ${key} must be ${schema.description ?? 'a text'}; got ${JSON.stringify(stored)}`,
      );
    }
    values[name] = parsed.data;
  }
  for (const name of ['model', 'cacheDir', 'confirm'] as const) {
    if (now.origins[name] !== 'default' && now.values[name] !== undefined) values[name] = now.values[name];
  }
  return { values, origins: {} };
}
