import { baselineFlops, DENSE, formatMask } from '@blockpruner/blocks';
import { calibrationRowCount, rowSetsOf } from '@blockpruner/journal';
import {
  expectedEvaluations,
  expectedFlops,
  remainingFlops,
  startOf,
  type Bounds,
  type SearchMethod,
  type SearchProblem,
} from '@blockpruner/search';
import { formatBytes, formatCount, formatFlops } from '@blockpruner/telemetry';
import type { RowConfig } from './run-rows.ts';
import { methodInWords } from './search-settings.ts';
import { describeStop } from './stop-words.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** What a run would do, without doing it. */
export function dryRunReport(
  problem: SearchProblem,
  method: SearchMethod,
  config: RowConfig,
  plan: WorkerPlan,
  json: boolean,
): string {
  const { iterations, candidates } = expectedEvaluations(problem);
  const { shape, keep, start, objective, stop } = problem;
  const rowTokens = config.rowTokens.slice(0, calibrationRowCount(config));
  const heldOut = heldOutWork(problem, config);
  const tokens = sum(rowTokens);
  const [flopsOfFirstIteration] = remainingFlops(problem, startOf(problem), rowTokens);
  const flopsOfSearch = expectedFlops(problem, rowTokens);
  const report = {
    layers: shape.layerCount,
    parameters: shape.totalParameters,
    rows: rowTokens.length,
    tokens,
    ...(config.sets && { sets: config.sets }),
    ...(heldOut && { heldOut }),
    ...method,
    iterations,
    candidateEvaluations: candidates,
    flopsOfFirstIteration,
    flopsOfSearch,
    localWorkers: plan.local,
    memoryPerWorker: plan.memory,
    memoryLimitBytesPerWorker: plan.memoryLimitBytes,
    sharedWeights: plan.sharedWeights,
    ...(keep && { keep: formatMask(keep) }),
    ...(start && { startMask: formatMask(start) }),
    ...(objective && { objective }),
  };
  if (json) return JSON.stringify(report);
  const range = ({ least, most }: Bounds, format: (value: number) => string = String): string =>
    format(least) === format(most) ? format(most) : `${format(least)} to ${format(most)}`;
  return [
    `model            ${shape.layerCount} layers, ${formatCount(shape.totalParameters)} parameters`,
    `calibration      ${rowTokens.length} rows, ${tokens} tokens${setsInWords(config)}`,
    ...(heldOut
      ? [
          `held out         ${heldOut.rows} rows, ${heldOut.tokens} tokens; ${formatFlops(heldOut.flopsOfDense)} of the dense model, and less after each iteration`,
        ]
      : []),
    `until            ${describeStop(stop)}${objective ? `, by ${objective}` : ''}`,
    ...(keep ? [`kept             ${formatMask(keep)}`] : []),
    ...(start ? [`start mask       ${formatMask(start)}`] : []),
    `search           ${describeMethod(method)}`,
    `iterations       ${range(iterations)}`,
    `candidates       ${range(candidates)} to evaluate over all iterations, each on every row`,
    `first iteration  ${formatFlops(flopsOfFirstIteration)}`,
    `whole search     ${range(flopsOfSearch, formatFlops)}, whichever blocks go`,
    `local workers    ${plan.local.length === 0 ? 'none: workers of other machines are awaited' : plan.local.map(({ device }) => device).join(', ')}`,
    memoryLine(plan),
    'no run was started: this was a dry run',
  ].join('\n');
}

function describeMethod(method: SearchMethod): string {
  const most =
    method.search === 'race' ? ': what follows is the most it can take, as an exhaustive search does' : '';
  return methodInWords(method) + most;
}

function memoryLine({ memory, memoryLimitBytes, sharedWeights }: WorkerPlan): string {
  const { totalBytes, weightBytes, logitsBytes, activationBytes, runtimeBytes } = memory;
  const shared = sharedWeights ? ', which all share' : '';
  return `memory           ${formatBytes(totalBytes)} a worker: weights ${formatBytes(weightBytes)}${shared}, logits ${formatBytes(logitsBytes)}, activations ${formatBytes(activationBytes)}, runtime ${formatBytes(runtimeBytes)}; its limit is ${formatBytes(memoryLimitBytes)}`;
}

/** What the held-out rows cost on top of the search; null where there are none. */
function heldOutWork({ shape }: SearchProblem, config: RowConfig) {
  const rowTokens = config.rowTokens.slice(calibrationRowCount(config));
  if (rowTokens.length === 0) return null;
  return {
    rows: rowTokens.length,
    tokens: sum(rowTokens),
    flopsOfDense: sum(rowTokens.map((tokens) => baselineFlops(shape, DENSE, tokens))),
  };
}

function setsInWords(config: RowConfig): string {
  const sets = rowSetsOf(config);
  if (sets.length === 1) return '';
  return `, in ${sets.length} sets: ${sets.map(({ rowCount, weight }) => `${rowCount} rows of weight ${weight.toFixed(4)}`).join(', ')}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
