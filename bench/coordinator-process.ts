/**
 * A coordinator's fleet in a process of its own, so that its CPU seconds and memory are its alone: the real driver and the
 * real gRPC server, one sweep.
 */
import { wholeSweep } from '@blockpruner/fleet';
import { createLogger } from '@blockpruner/telemetry';
import { CellTable } from '@blockpruner/perplexity';
import { FleetDriver } from '../apps/coordinator/src/fleet-driver.ts';
import type { CoordinatorFigures, CoordinatorRequest } from './coordinator.ts';

process.once('message', (request: CoordinatorRequest) => void run(request));
process.on('disconnect', () => process.exit(0));

async function run({ shape, rows, rowTokens, workers, taskMs }: CoordinatorRequest): Promise<void> {
  const tokens = Int32Array.from({ length: rowTokens }, (_, i) => i % shape.vocabSize);
  const table = new CellTable(new Array<number>(rows).fill(rowTokens));
  const driver = new FleetDriver({
    runId: 'bench',
    model: { path: '/nowhere', fingerprint: 'bench' },
    shape,
    rows: Array.from({ length: rows }, () => tokens),
    longestRowTokens: rowTokens,
    microBatchRows: null,
    artifacts: null,
    leaseMs: 600_000,
    mixedClasses: false,
    remote: true,
    seed: 1,
    targetTaskMs: taskMs,
    logger: createLogger({ level: 'error', format: 'json', stream: process.stderr }),
    onCells: (cells) => cells.forEach((cell) => table.add(cell)),
    onCorrected: () => undefined,
    onNote: () => undefined,
    onUndecided: () => undefined,
  });
  const port = await driver.listen('127.0.0.1', 0, {});
  process.send?.({ kind: 'listening', port });
  const hooks = { onProgress: () => undefined, onWaiting: () => undefined };
  while (driver.readyCount < workers) await new Promise((resolve) => setTimeout(resolve, 50));
  const idleRssBytes = process.memoryUsage().rss;
  const sweep = {
    base: [],
    candidates: Array.from({ length: 2 * shape.layerCount }, (_, block) => block),
    baseline: true,
  };
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const demand = wholeSweep(sweep, [...new Array(rows).keys()], table);
  await driver.evaluate(demand, (id) => !table.has(id), hooks);
  const { user, system } = process.cpuUsage(startedCpu);
  const figures: CoordinatorFigures = {
    seconds: (performance.now() - startedMs) / 1000,
    cpuSeconds: (user + system) / 1e6,
    assignments: driver.counters.leases,
    idleRssBytes,
    rssBytes: process.memoryUsage().rss,
    faults: driver.counters.protocolFaults + driver.counters.workersLost,
  };
  process.send?.({ kind: 'done', figures });
  await driver.close(true);
}
