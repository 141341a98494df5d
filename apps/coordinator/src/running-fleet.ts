import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { baselineFlops, DENSE } from '@blockpruner/blocks';
import type { Checkpoint } from '@blockpruner/checkpoint';
import type { Work } from '@blockpruner/fleet';
import type { Cell, CellTable } from '@blockpruner/perplexity';
import { formatCount, formatDuration, type Logger, type ProgressDisplay } from '@blockpruner/telemetry';
import { formatAddress } from '@blockpruner/wire';
import { RunningClock } from './running-clock.ts';
import { FleetDriver, type CellSource, type FleetNote } from './fleet-driver.ts';
import type { ShapePlans } from './shape-plans.ts';
import { LocalWorkers } from './local-workers.ts';
import { NoWorkers, RunError } from './usage-error.ts';
import type { WorkerPlan } from './worker-plan.ts';
import { WorkerWait } from './worker-wait.ts';

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
  readonly onCells: (cells: readonly Cell[], source: CellSource) => void;
  /** Plans of numeric classes that a resumed run has fixed. */
  readonly shapePlans?: ShapePlans;
  readonly onNote: (note: FleetNote) => void;
}

/** A coordinator's port with its workers: those of this machine, and any that dial from elsewhere. */
export class RunningFleet {
  readonly driver: FleetDriver;
  private readonly options: RunningFleetOptions;
  private readonly local: LocalWorkers | undefined;
  private readonly port: number;
  private readonly wait: WorkerWait;
  private readonly clock = new RunningClock();

  private constructor(options: RunningFleetOptions, driver: FleetDriver, port: number) {
    const { plan, cacheFolder, logger } = options;
    this.options = options;
    this.driver = driver;
    this.port = port;
    this.wait = new WorkerWait(plan.workerTimeoutMs);
    this.local =
      plan.local.length === 0
        ? undefined
        : new LocalWorkers({
            address: dialAddress(plan.listenHost, port),
            plan,
            cacheFolder,
            logger,
            onGivenUp: (reason) => driver.fail(new RunError(reason)),
          });
  }

  /** Opens the port; starts no worker yet, so that nothing runs when the port is taken. */
  static async listen(options: RunningFleetOptions): Promise<RunningFleet> {
    const { plan, checkpoint, rows } = options;
    const onePass = baselineFlops(checkpoint.shape, DENSE, plan.longestRowTokens);
    const driver = new FleetDriver({
      runId: options.runId,
      model: { path: checkpoint.sourcePath, fingerprint: checkpoint.fingerprint },
      shape: checkpoint.shape,
      rows,
      shapePlans: options.shapePlans,
      longestRowTokens: plan.longestRowTokens,
      microBatchRows: plan.microBatchRows,
      leaseMs: Math.max(SHORTEST_LEASE_MS, (onePass / SLOWEST_FLOPS_PER_SECOND) * 1000),
      numericClass: options.numericClass,
      mixedClasses: plan.mixedClasses,
      remote: plan.remote,
      logger: options.logger,
      onCells: options.onCells,
      onNote: options.onNote,
    });
    try {
      return new RunningFleet(options, driver, await driver.listen(plan.listenHost, plan.listenPort));
    } catch (error) {
      await driver.close(false);
      throw error;
    }
  }

  /** `host:port` that the coordinator listens on. */
  get listening(): string {
    return formatAddress({ host: this.options.plan.listenHost, port: this.port });
  }

  start(): void {
    const { plan, logger } = this.options;
    if (plan.remote) {
      logger.info(
        { listening: this.listening },
        `waiting for workers; on any machine that sees the model at the same path, run: ${this.workerCommand()}`,
      );
    }
    this.local?.start();
  }

  /**
   * Evaluates what is missing of a sweep, with progress.
   * @param secondsLeft of the search that this is a part of, from the FLOPs that are left here; null where unknown
   * @returns once every cell is in the table
   */
  async evaluate(
    sweep: Omit<Work, 'rows'>,
    rows: readonly number[],
    cells: CellTable,
    title: string,
    secondsLeft: (flopsLeftHere: number) => number | null = () => null,
  ): Promise<void> {
    const { progress } = this.options;
    await this.driver.evaluate(
      sweep,
      rows,
      (id) => !cells.has(id),
      ({ doneCells, totalCells, doneFlops, totalFlops, tokensPerSecond, readyWorkers, connectedWorkers }) => {
        this.watchWorkers(connectedWorkers, readyWorkers);
        const left = secondsLeft(totalFlops - doneFlops);
        const details = [
          `${formatCount(tokensPerSecond)} tokens/s`,
          `${readyWorkers} worker${readyWorkers === 1 ? '' : 's'}`,
          ...(left === null ? [] : [`search ETA ${formatDuration(left)}`]),
        ];
        progress.update({
          title,
          done: doneCells,
          total: totalCells,
          cost: { done: doneFlops, total: totalFlops },
          detail: readyWorkers === 0 ? 'waiting for a worker' : details.join(', '),
        });
      },
    );
    progress.clear();
  }

  /** Where local workers alone are meant, those that die are started again, and say so themselves. */
  private watchWorkers(connected: number, ready: number): void {
    const { plan, logger } = this.options;
    const patience = formatDuration(plan.workerTimeoutMs / 1000);
    switch (this.wait.look(this.clock.now(), connected, ready)) {
      case 'begun':
        if (plan.remote)
          logger.warn(`no worker is left; waiting ${patience} for one: ${this.workerCommand()}`);
        return;
      case 'over':
        this.driver.fail(
          new NoWorkers(
            plan.remote
              ? `no worker for ${patience} (--worker-timeout); start some with: ${this.workerCommand()}`
              : `no worker for ${patience} (--worker-timeout); log.jsonl says why the local ones do not come`,
          ),
        );
        return;
      case null:
        return;
    }
  }

  /** What to run on another machine. */
  private workerCommand(): string {
    const { listenHost } = this.options.plan;
    const isAny = listenHost === '0.0.0.0' || listenHost === '::';
    const address = formatAddress({ host: isAny ? hostname() : listenHost, port: this.port });
    return `blockpruner worker --connect ${address}`;
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
