/**
 * Main of one measurement of stages.ts, in a process of its own, so that nothing but it adds to the peak. Takes a
 * `StageRequest` as JSON in its first argument and writes a `StageMeasurement` as JSON.
 */
import type { ShapePlan, Sweep } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { StagedEvaluator } from '@blockpruner/inference';
import { randomRows } from './models.ts';
import { timed } from './timing.ts';

export interface StageRequest {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly threads: number;
  readonly stages: number;
  readonly stateBudgetBytes: number;
  readonly sweep: Sweep;
  readonly rows: number;
  readonly tokens: number;
  readonly plan: ShapePlan;
}

export interface StageMeasurement {
  /** Of the evaluation, loads of further stages included; the first stage was loaded before. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Stages loaded, the first included. */
  readonly loads: number;
  readonly loadSeconds: number;
  /** Of `loadSeconds`, what the evaluation waited for. */
  readonly laterLoadSeconds: number;
  readonly peakBytes: number;
}

const request = JSON.parse(process.argv[2]) as StageRequest;
const { modelPath, cacheFolder, threads, stages, stateBudgetBytes, sweep, plan } = request;
const checkpoint = await openCheckpoint(modelPath, { cacheFolder });
const evaluator = await StagedEvaluator.load(checkpoint, {
  device: 'cpu',
  threads,
  stages,
  stateBudgetBytes,
  cacheFolder,
});
const first = evaluator.loadTimes;
const rows = randomRows(checkpoint, 0, request.rows, request.tokens);
const timing = await timed(() => evaluator.evaluate(sweep, rows, plan, () => undefined));
const { loads, seconds: loadSeconds } = evaluator.loadTimes;
await evaluator.close();
const measurement: StageMeasurement = {
  ...timing,
  loads,
  loadSeconds,
  laterLoadSeconds: loadSeconds - first.seconds,
  peakBytes: 1024 * process.resourceUsage().maxRSS,
};
process.stdout.write(JSON.stringify(measurement));
