import { formatMask } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import type { RunConfig } from '@blockpruner/journal';
import type { SearchMethod, SearchProblem } from '@blockpruner/search';
import type { RowConfig } from './run-rows.ts';

/** What the numbers of a run follow from; a resume with anything else is refused. */
export function runConfig(
  checkpoint: Checkpoint,
  rows: RowConfig,
  problem: SearchProblem,
  method: SearchMethod,
  confirm: RunConfig['confirm'],
): RunConfig {
  return {
    modelFingerprint: checkpoint.fingerprint,
    ...rows,
    layerCount: checkpoint.shape.layerCount,
    ...(checkpoint.shape.absentBlocks && { absentBlocks: formatMask(checkpoint.shape.absentBlocks) }),
    blockType: problem.blockType,
    ...method,
    stop: problem.stop,
    ...(confirm && { confirm }),
    ...(problem.keep && { keep: formatMask(problem.keep) }),
    ...(problem.start && { startMask: formatMask(problem.start) }),
    ...(problem.objective === 'score-per-param' && { objective: problem.objective }),
  };
}
