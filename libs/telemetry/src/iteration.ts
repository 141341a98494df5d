import type { Logger } from 'pino';
import { formatCount, formatDuration, formatFlops } from './quantities.ts';

/** The message of the line that reports one iteration. */
export const ITERATION_MESSAGE = 'iteration';

/** The fields of the `iteration` line, all of them on every line but for those of held-out rows. */
export interface IterationFields {
  /** Number of the iteration, from 1. */
  readonly iteration: number;
  /** The block removed in this iteration, in text form (`mha.3`). */
  readonly removed: string;
  /** Score of the model after the removal, nats. */
  readonly score: number;
  /** `exp(score)`. */
  readonly perplexity: number;
  /** Score minus the dense model's, nats. */
  readonly deltaNats: number;
  /** The second-best candidate in text form; null when there was only one. */
  readonly runnerUp: string | null;
  /** Score of the runner-up minus that of the removed block, nats; null when there was only one candidate. */
  readonly margin: number | null;
  /** Candidates scored. */
  readonly candidates: number;
  /** Calibration rows of the set. */
  readonly rows: number;
  /** Cells that the decision was made of: candidates times rows, or fewer where candidates were dropped before. */
  readonly cells: number;
  /** Tokens scored a second, all workers together: tokens of a row times candidates. */
  readonly tokensPerSecond: number;
  /** FLOPs of the cells that were computed in it, as a sweep computes them, over its wall time. */
  readonly flopsPerSecond: number;
  /** That over the sum of the workers' measured peaks, in per cent; null where a worker's is not known. */
  readonly mfuPercent: number | null;
  /** Wall time of the iteration. */
  readonly seconds: number;
  /** Workers that took part. */
  readonly workers: number;
  /** Tasks that had to be given out again. */
  readonly retries: number;
  /** Parameters removed so far. */
  readonly parametersRemoved: number;
  /** Removed parameters over all parameters, in `[0, 1)`. */
  readonly ratio: number;
  /** Estimate of the seconds until the last iteration ends; null while there is none. */
  readonly etaSeconds: number | null;
  /** Of the model after the removal on the held-out rows; absent where there are none. */
  readonly heldOutPerplexity?: number;
  /** Score of the same minus the dense model's there, nats. */
  readonly heldOutDeltaNats?: number;
}

/** Logs the line of one iteration, at level info. A number that is not finite is written as a string. */
export function logIteration(logger: Logger, fields: IterationFields): void {
  const entries = Object.entries(fields).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  ]);
  logger.info(Object.fromEntries(entries), ITERATION_MESSAGE);
}

/** The same in words, for a person. */
export function describeIteration(fields: IterationFields): string {
  const { runnerUp, margin, mfuPercent, etaSeconds } = fields;
  const mfu = mfuPercent === null ? '' : ` (MFU ${decimal(mfuPercent, 1)} %)`;
  const parts = [
    `iteration ${fields.iteration}: removed ${fields.removed}`,
    `perplexity ${decimal(fields.perplexity, 3)} (${signed(fields.deltaNats)} nats to dense)`,
    ...heldOutInWords(fields),
    runnerUp === null || margin === null ? 'no runner-up' : `runner-up ${runnerUp} ${signed(margin)}`,
    `${fields.candidates} candidates x ${fields.rows} rows${shareOf(fields)} in ${formatDuration(Number(fields.seconds))}`,
    `${formatCount(Number(fields.tokensPerSecond))} tokens/s`,
    `${formatFlops(Number(fields.flopsPerSecond))}/s${mfu}`,
    `${fields.workers} workers, ${fields.retries} retries`,
    `${formatCount(Number(fields.parametersRemoved))} parameters removed (${decimal(100 * fields.ratio, 2)} %)`,
  ];
  if (etaSeconds !== null) parts.push(`ETA ${formatDuration(Number(etaSeconds))}`);
  return parts.join(', ');
}

function heldOutInWords({ heldOutPerplexity, heldOutDeltaNats }: IterationFields): string[] {
  if (heldOutPerplexity === undefined || heldOutDeltaNats === undefined) return [];
  return [`held-out perplexity ${decimal(heldOutPerplexity, 3)} (${signed(heldOutDeltaNats)})`];
}

/** What a race left out. */
function shareOf({ candidates, rows, cells }: IterationFields): string {
  const all = candidates * rows;
  return cells === all ? '' : `, ${cells} of ${all} cells,`;
}

function signed(nats: number): string {
  const text = decimal(nats, 4);
  return Number(nats) >= 0 ? `+${text}` : text;
}

function decimal(value: number, digits: number): string {
  return Number(value).toFixed(digits);
}
