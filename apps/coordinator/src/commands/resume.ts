import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { goOn } from '../going-on.ts';
import { RESUME_SETTINGS, type ResumeSettings } from '../prune-settings.ts';
import { resolveSettings } from '../resolve-settings.ts';

/**
 * `blockpruner resume RUN`: goes on after the last decision, with whatever workers there are now, and further than the
 * run was created for when it is told to.
 */
export async function resume(
  run: string,
  command: Command,
  open: (settings: ResumeSettings) => Console,
): Promise<void> {
  await goOn(run, resolveSettings(command, RESUME_SETTINGS), open);
}
