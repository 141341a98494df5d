import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { sweepFlops, type ShapePlan, type Sweep } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import type { Cell, CellTable } from '@blockpruner/perplexity';
import { formatCount, type Logger, type ProgressDisplay } from '@blockpruner/telemetry';
import { formatAddress, type Hello } from '@blockpruner/wire';
import { FleetDriver } from './fleet-driver.ts';
import { LocalWorkers } from './local-workers.ts';
import { RunError } from './usage-error.ts';
import { longestRowTokens, type WorkerPlan } from './worker-plan.ts';

/** A worker slower than this is taken for stuck: it would need a day for what a core does in minutes. */
const SLOWEST_FLOPS_PER_SECOND = 1e9;
const SHORTEST_LEASE_MS = 120_000;

export interface RunningFleetOptions {
  readonly runId: string;
  readonly checkpoint: Checkpoint;
  readonly rows: readonly Int32Array[];
  readonly plan: WorkerPlan;
  readonly cacheFolder: string;
  readonly numericClass?: string;
  readonly logger: Logger;
  readonly progress: ProgressDisplay;
  readonly onCells: (cells: readonly Cell[], workerName: string) => void;
  readonly onWorkerJoined: (hello: Hello) => void;
}

/** A coordinator's port with its workers: those of this machine, and any that dial from elsewhere. */
export class RunningFleet {
  readonly driver: FleetDriver;
  private readonly options: RunningFleetOptions;
  private readonly local: LocalWorkers | undefined;
  private readonly port: number;

  private constructor(options: RunningFleetOptions, driver: FleetDriver, port: number) {
    const { plan, cacheFolder, logger } = options;
    this.options = options;
    this.driver = driver;
    this.port = port;
    this.local =
      plan.devices.length === 0
        ? undefined
        : new LocalWorkers({
            address: dialAddress(plan.listenHost, port),
            devices: plan.devices,
            threads: plan.threads,
            cacheFolder,
            logger,
            onGivenUp: (reason) => driver.fail(new RunError(reason)),
          });
  }

  /** Opens the port; starts no worker yet, so that nothing runs when the port is taken. */
  static async listen(options: RunningFleetOptions): Promise<RunningFleet> {
    const { plan, checkpoint, rows } = options;
    const longestRow = longestRowTokens(rows);
    const onePass = sweepFlops(checkpoint.shape, { base: [], candidates: [], baseline: true }, longestRow);
    const driver = new FleetDriver({
      runId: options.runId,
      model: { path: checkpoint.sourcePath, fingerprint: checkpoint.fingerprint },
      shape: checkpoint.shape,
      rows,
      shapePlan: plan.shapePlan,
      leaseMs: Math.max(SHORTEST_LEASE_MS, (onePass / SLOWEST_FLOPS_PER_SECOND) * 1000),
      numericClass: options.numericClass,
      remote: plan.remote,
      logger: options.logger,
      onCells: options.onCells,
      onWorkerJoined: options.onWorkerJoined,
    });
    try {
      return new RunningFleet(options, driver, await driver.listen(plan.listenHost, plan.listenPort));
    } catch (error) {
      await driver.close(false);
      throw error;
    }
  }

  get shapePlan(): ShapePlan {
    return this.options.plan.shapePlan;
  }

  start(): void {
    const { plan, logger } = this.options;
    if (plan.remote) {
      const { listenHost } = plan;
      const isAny = listenHost === '0.0.0.0' || listenHost === '::';
      const address = formatAddress({ host: isAny ? hostname() : listenHost, port: this.port });
      logger.info(
        { listening: formatAddress({ host: listenHost, port: this.port }) },
        `waiting for workers; on any machine that sees the model at the same path, run: blockpruner worker --connect ${address}`,
      );
    }
    this.local?.start();
  }

  /** Evaluates what is missing of a sweep, with progress. @returns once every cell is in the table */
  async evaluate(sweep: Sweep, rows: readonly number[], cells: CellTable, title: string): Promise<void> {
    const { progress } = this.options;
    await this.driver.evaluate(
      sweep,
      rows,
      (id) => !cells.has(id),
      ({ doneCells, totalCells, tokensPerSecond, readyWorkers }) =>
        progress.update({
          title,
          done: doneCells,
          total: totalCells,
          detail:
            readyWorkers === 0
              ? 'waiting for a worker'
              : `${formatCount(tokensPerSecond)} tokens/s, ${readyWorkers} worker${readyWorkers === 1 ? '' : 's'}`,
        }),
    );
    progress.clear();
  }

  /** @param finished tells remote workers that the run is over */
  async stop(finished: boolean): Promise<void> {
    this.options.progress.clear();
    await Promise.all([this.driver.close(finished), this.local?.stop()]);
  }
}

export function newRunId(): string {
  return randomUUID().slice(0, 8);
}

/** How this machine reaches a port that it listens on. */
function dialAddress(listenHost: string, port: number): string {
  if (listenHost === '0.0.0.0') return formatAddress({ host: '127.0.0.1', port });
  return formatAddress({ host: listenHost === '::' ? '::1' : listenHost, port });
}
