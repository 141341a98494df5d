import type { RunResult } from '@blockpruner/journal';

/** Held-out perplexity has risen far more where its rise is so many times that of the calibration rows, in nats, ... */
const FAR_MORE = 1.5;
/** ... and the held-out perplexity is so many times what it would be with their rise: less may be chance. */
const LEAST_EXCESS = 1.05;

/** What the final report says of held-out rows; empty where there are none. */
export function heldOutLines({ dense, pruned }: Pick<RunResult, 'dense' | 'pruned'>): string[] {
  if (!dense.heldOut || !pruned.heldOut) return [];
  // A number that is not finite is a text in a result that was read back.
  const ratios = [
    pruned.perplexity / dense.perplexity,
    Number(pruned.heldOut.perplexity) / Number(dense.heldOut.perplexity),
  ];
  const [calibration, heldOut] = ratios;
  const rise = `perplexity rose by a factor of ${heldOut.toFixed(4)} on held-out rows, of ${calibration.toFixed(4)} on calibration rows`;
  if (!risesFarMore(calibration, heldOut)) return [rise];
  return [
    rise,
    `warning: that is far more on held-out rows; calibrate on more rows, or on text more like them`,
  ];
}

/**
 * Whether a search has fitted its calibration text at the cost of other text.
 * @param calibration perplexity after over perplexity before, on calibration rows
 * @param heldOut the same on held-out rows; not finite: there is nothing to compare
 */
export function risesFarMore(calibration: number, heldOut: number): boolean {
  return (
    Math.log(heldOut) > Math.max(0, FAR_MORE * Math.log(calibration)) && heldOut > LEAST_EXCESS * calibration
  );
}
