import { sweepFlops } from '@blockpruner/blocks';
import type { CalibrationSet } from '@blockpruner/calibration';
import { expectedEvaluations, type SearchProblem } from '@blockpruner/search';
import { formatBytes, formatCount } from '@blockpruner/telemetry';
import type { WorkerPlan } from './worker-plan.ts';

/** What a run would do, without doing it. */
export function dryRunReport(
  problem: SearchProblem,
  calibration: CalibrationSet,
  plan: WorkerPlan,
  json: boolean,
): string {
  const { iterations, candidates } = expectedEvaluations(problem);
  const { shape } = problem;
  const tokens = calibration.rows.reduce((sum, row) => sum + row.length, 0);
  const allBlocks = Array.from({ length: 2 * shape.layerCount }, (_, block) => block);
  const firstSweep = { base: [], candidates: allBlocks, baseline: true };
  const flops = calibration.rows.reduce((sum, row) => sum + sweepFlops(shape, firstSweep, row.length), 0);
  const report = {
    layers: shape.layerCount,
    parameters: shape.totalParameters,
    rows: calibration.rows.length,
    tokens,
    iterations,
    candidateEvaluations: candidates,
    flopsOfFirstIteration: flops,
    localWorkers: plan.devices,
    threadsPerWorker: plan.threads,
    memoryBytesPerWorker: plan.bytesPerWorker,
    shapePlan: plan.shapePlan,
  };
  if (json) return JSON.stringify(report);
  const range = ({ least, most }: { least: number; most: number }): string =>
    least === most ? String(most) : `${least} to ${most}`;
  return [
    `model            ${shape.layerCount} layers, ${formatCount(shape.totalParameters)} parameters`,
    `calibration      ${calibration.rows.length} rows, ${tokens} tokens`,
    `iterations       ${range(iterations)}`,
    `candidates       ${range(candidates)} to evaluate over all iterations, each on every row`,
    `first iteration  ${formatCount(flops)} FLOPs`,
    `local workers    ${plan.devices.length === 0 ? 'none: workers of other machines are awaited' : plan.devices.join(', ')}`,
    `memory           ${formatBytes(plan.bytesPerWorker)} a worker`,
    'no run was started: this was a dry run',
  ].join('\n');
}
