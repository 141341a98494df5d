import type { ResolvedSettings } from './resolve-settings.ts';
import {
  INPUT_SETTINGS,
  MONITORING_SETTINGS,
  PRINT_SETTINGS,
  WORKER_SETTINGS,
  type SettingName,
} from './setting.ts';
import { STOP_SETTINGS } from './target-settings.ts';

/** What is searched, and how: none of it can change once there is a run. */
export const SEARCH_SETTINGS = [
  'blockType',
  'keep',
  'startMask',
  'objective',
  'search',
  'confidence',
  'confirm',
] as const satisfies SettingName[];

/** The options that a run is created with. */
export const PRUNE_SETTINGS = [
  ...INPUT_SETTINGS,
  'heldOut',
  'heldOutRows',
  ...STOP_SETTINGS,
  ...SEARCH_SETTINGS,
  ...WORKER_SETTINGS,
  ...MONITORING_SETTINGS,
  'output',
  'resume',
  'dryRun',
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

export type PruneSettings = ResolvedSettings<(typeof PRUNE_SETTINGS)[number]>;

/**
 * Options of a resumed run come from its own `config.yaml`, its rows from `rows.json`; these may differ now. Those that
 * say how much is to go extend the run.
 */
export const RESUME_SETTINGS = [
  'model',
  'cacheDir',
  'confirm',
  ...STOP_SETTINGS,
  ...WORKER_SETTINGS,
  ...MONITORING_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

export type ResumeSettings = ResolvedSettings<(typeof RESUME_SETTINGS)[number]>;
