import { DENSE } from '@blockpruner/blocks';
import type { CalibrationSet } from '@blockpruner/calibration';
import {
  expectedEvaluations,
  expectedFlops,
  remainingFlops,
  type Bounds,
  type SearchProblem,
} from '@blockpruner/search';
import { formatBytes, formatCount, formatFlops } from '@blockpruner/telemetry';
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
  const rowTokens = calibration.rows.map((row) => row.length);
  const tokens = rowTokens.reduce((sum, length) => sum + length, 0);
  const [flopsOfFirstIteration] = remainingFlops(problem, DENSE, rowTokens);
  const flopsOfSearch = expectedFlops(problem, rowTokens);
  const report = {
    layers: shape.layerCount,
    parameters: shape.totalParameters,
    rows: calibration.rows.length,
    tokens,
    iterations,
    candidateEvaluations: candidates,
    flopsOfFirstIteration,
    flopsOfSearch,
    localWorkers: plan.local,
    memoryPerWorker: plan.memory,
    memoryLimitBytesPerWorker: plan.memoryLimitBytes,
    sharedWeights: plan.sharedWeights,
  };
  if (json) return JSON.stringify(report);
  const range = ({ least, most }: Bounds, format: (value: number) => string = String): string =>
    format(least) === format(most) ? format(most) : `${format(least)} to ${format(most)}`;
  return [
    `model            ${shape.layerCount} layers, ${formatCount(shape.totalParameters)} parameters`,
    `calibration      ${calibration.rows.length} rows, ${tokens} tokens`,
    `iterations       ${range(iterations)}`,
    `candidates       ${range(candidates)} to evaluate over all iterations, each on every row`,
    `first iteration  ${formatFlops(flopsOfFirstIteration)}`,
    `whole search     ${range(flopsOfSearch, formatFlops)}, whichever blocks go`,
    `local workers    ${plan.local.length === 0 ? 'none: workers of other machines are awaited' : plan.local.map(({ device }) => device).join(', ')}`,
    memoryLine(plan),
    'no run was started: this was a dry run',
  ].join('\n');
}

function memoryLine({ memory, memoryLimitBytes, sharedWeights }: WorkerPlan): string {
  const { totalBytes, weightBytes, logitsBytes, activationBytes, runtimeBytes } = memory;
  const shared = sharedWeights ? ', which all share' : '';
  return `memory           ${formatBytes(totalBytes)} a worker: weights ${formatBytes(weightBytes)}${shared}, logits ${formatBytes(logitsBytes)}, activations ${formatBytes(activationBytes)}, runtime ${formatBytes(runtimeBytes)}; its limit is ${formatBytes(memoryLimitBytes)}`;
}
