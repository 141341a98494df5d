import { writeFile } from 'node:fs/promises';
import { formatBlock, formatMask, type StopRule } from '@blockpruner/blocks';
import { readRun, type RunView, type Stopped } from '@blockpruner/journal';
import { limitPerplexity, type Ending } from '@blockpruner/search';
import { formatCount, formatTable } from '@blockpruner/telemetry';
import type { Command } from 'commander';
import type { SizeOfRun } from '../model-reference.ts';
import { removalOrderText } from '../removal-lists.ts';
import { resolveSettings } from '../resolve-settings.ts';
import { endingInRun, runSizes, type RunSize } from '../run-sizes.ts';
import type { SettingName } from '../setting.ts';
import { requireStopRule, stopOptions } from '../stop-options.ts';
import { describeEnd } from '../stop-words.ts';
import { STOP_SETTINGS } from '../target-settings.ts';
import { UsageError } from '../usage-error.ts';

export const PICK_SETTINGS = [...STOP_SETTINGS, 'output', 'json'] as const satisfies SettingName[];

/** `blockpruner pick RUN`: which size a goal or a limit leads to, of those that a run has led to. */
export async function pick(run: string, command: Command, print: (text: string) => void): Promise<void> {
  const { values } = resolveSettings(command, PICK_SETTINGS);
  const stop = requireStopRule({ values, origins: {} });
  const view = await readRun(run);
  const ending = endingInRun(view, stop);
  if (!ending) throw notSoFar(run, view, stop);
  const size = runSizes(view)[ending.decisions];
  if (values.output !== undefined) await writeOrder(values.output, { view, size });
  const stopped = stop.limit && stoppedBy(ending, stop, view);
  print(
    values.json
      ? JSON.stringify(report(run, view, size, stopped))
      : describe(view, size, describeEnd(stop, stopped)),
  );
}

function notSoFar(run: string, view: RunView, stop: StopRule): UsageError {
  const last = runSizes(view).at(-1);
  const far = last
    ? `${last.decisions} decisions, ratio ${last.ratio}, perplexity ${last.perplexity.toFixed(4)}`
    : 'no score yet';
  return new UsageError(
    `${run} does not go so far as ${stopOptions(stop)}: it has ${far}; extend it with: blockpruner resume ${run} ${stopOptions(stop)}`,
  );
}

function stoppedBy(ending: Ending, { limit }: StopRule, { dense }: RunView): Stopped {
  if (ending.reason !== 'limit' || !limit || !dense) return { reason: 'goal' };
  const { removed, perplexity } = ending.next;
  return {
    reason: 'limit',
    block: formatBlock(removed),
    perplexity,
    limitPerplexity: limitPerplexity(limit, dense.perplexity),
  };
}

async function writeOrder(path: string, of: SizeOfRun): Promise<void> {
  await writeFile(path, removalOrderText(of), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--output ${path} cannot be written: ${error.code}; name a new file`);
  });
}

function report(run: string, { dense }: RunView, size: RunSize, stopped: Stopped | undefined): object {
  const { decisions, mask, score, perplexity, parametersRemoved, ratio, parametersLeft } = size;
  return {
    folder: run,
    decisions,
    mask: formatMask(mask),
    score,
    perplexity,
    parametersRemoved,
    parametersLeft,
    ratio,
    dense: dense && { score: dense.score, perplexity: dense.perplexity },
    ...(stopped && { stopped }),
  };
}

function describe({ dense }: RunView, size: RunSize, end: string): string {
  const table = formatTable(
    [size],
    [
      { title: 'blocks', value: ({ mask }) => mask.length, align: 'right' },
      { title: 'score', value: ({ score }) => score.toFixed(6), align: 'right' },
      { title: 'perplexity', value: ({ perplexity }) => perplexity.toFixed(4), align: 'right' },
      { title: 'delta', value: ({ score }) => (score - (dense?.score ?? NaN)).toFixed(6), align: 'right' },
      { title: 'ratio', value: ({ ratio }) => ratio.toFixed(6), align: 'right' },
      { title: 'parameters', value: ({ parametersLeft }) => formatCount(parametersLeft), align: 'right' },
    ],
  );
  return [table, '', `mask: ${formatMask(size.mask)}`, end].join('\n');
}
