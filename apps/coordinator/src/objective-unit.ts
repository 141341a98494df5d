import type { Objective } from '@blockpruner/blocks';

/** The unit of margins, gains and regrets: of the difference of what candidates are ranked by. */
export function rankingUnit(objective: Objective = 'score'): string {
  return objective === 'score' ? 'nats' : 'nats per million parameters';
}
