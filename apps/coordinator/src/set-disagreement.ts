import { formatBlock, type Objective } from '@blockpruner/blocks';
import type { DecisionRecord, SetScoreRecord } from '@blockpruner/journal';
import type { SetChoice } from '@blockpruner/search';
import type { Logger } from '@blockpruner/telemetry';
import { rankingUnit } from './objective-unit.ts';

/** What the journal keeps of the choices of several calibration sets. */
export function setScoreRecords(choices: readonly SetChoice[] | undefined): SetScoreRecord[] | undefined {
  return choices?.map(({ score, best, gainNats }) => ({ score, best: formatBlock(best), gainNats }));
}

/** Warns, in one line, of the calibration sets that would have removed another block than all of them together. */
export function warnOfDisagreement(
  logger: Logger,
  { iteration, removed, setScores = [] }: Pick<DecisionRecord, 'iteration' | 'removed' | 'setScores'>,
  objective?: Objective,
): void {
  const others = setScores.flatMap(({ best, gainNats }, i) =>
    best === removed ? [] : [{ set: i + 1, best, gainNats }],
  );
  if (others.length === 0) return;
  const words = others.map(
    ({ set, best, gainNats }) =>
      `set ${set} alone would remove ${best}, by ${gainNats.toExponential(2)} ${rankingUnit(objective)}`,
  );
  logger.warn(
    { iteration, removed, sets: others },
    `iteration ${iteration}: the calibration sets disagree with ${removed}: ${words.join('; ')}`,
  );
}

/**
 * In how many iterations each calibration set would have chosen otherwise, for the final report; null where there is one
 * set.
 */
export function disagreementLine(
  decisions: readonly Pick<DecisionRecord, 'removed' | 'setScores'>[],
): string | null {
  const setCount = decisions[0]?.setScores?.length ?? 0;
  if (setCount === 0) return null;
  const counts = Array.from(
    { length: setCount },
    (_, set) =>
      decisions.filter(({ removed, setScores }) => setScores && setScores[set].best !== removed).length,
  );
  const words = counts.map((count, i) => `set ${i + 1} in ${count}`);
  return `of ${decisions.length} iterations, the calibration sets alone would have chosen otherwise: ${words.join(', ')}`;
}
