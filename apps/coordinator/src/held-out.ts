import { baselineFlops, type BlockIndex, type Mask, type ModelShape } from '@blockpruner/blocks';
import type { DecisionRecord, DenseRecord, ScoreRecord } from '@blockpruner/journal';
import { perplexityOf, scoreOf, type CellTable } from '@blockpruner/perplexity';
import type { Logger } from '@blockpruner/telemetry';
import type { RunningFleet } from './running-fleet.ts';

/** What scores held-out rows, and where their cells go. */
interface HeldOutOptions {
  readonly fleet: RunningFleet;
  readonly cells: CellTable;
}

/**
 * Scores a model on the held-out rows. Nothing is decided by it: it shows how far a search fits the text that it was
 * calibrated on, and no other.
 * @param candidate that is left out beside the mask; null: the mask alone
 * @returns undefined where there are no such rows
 * @throws what the fleet throws
 */
export async function scoreHeldOut(
  { fleet, cells }: HeldOutOptions,
  mask: Mask,
  candidate: BlockIndex | null,
  title: string,
): Promise<ScoreRecord | undefined> {
  const rows = cells.heldOutRows;
  if (rows.length === 0) return undefined;
  if (rows.some((row) => !cells.has({ mask, candidate, row }))) {
    const sweep = {
      base: mask,
      candidates: candidate === null ? [] : [candidate],
      baseline: candidate === null,
    };
    await fleet.evaluate(sweep, rows, cells, title);
  }
  const score = scoreOf(rows.map((row) => cells.rowMean({ mask, candidate, row }) ?? NaN));
  return { score, perplexity: perplexityOf(score) };
}

/** FLOPs of scoring the model without the mask on the held-out rows. */
export function heldOutFlops(shape: ModelShape, mask: Mask, { heldOutRows, rowTokens }: CellTable): number {
  return heldOutRows.reduce((sum, row) => sum + baselineFlops(shape, mask, rowTokens[row]), 0);
}

/** The fields of the iteration line that there are with held-out rows. */
export function heldOutFields({ heldOut }: DecisionRecord, dense: DenseRecord | undefined) {
  if (!heldOut) return {};
  return {
    heldOutPerplexity: heldOut.perplexity,
    heldOutDeltaNats: heldOut.score - (dense?.heldOut?.score ?? NaN),
  };
}

/** Says of a held-out score that is no number that it is none: it ends nothing. */
export function warnOfBrokenHeldOut(logger: Logger, heldOut: ScoreRecord | undefined, model: string): void {
  if (!heldOut || Number.isFinite(heldOut.score)) return;
  logger.warn(
    `the held-out score of ${model} is ${heldOut.score}: it decides nothing, and the search goes on; check the held-out text`,
  );
}
