import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { baselineFlops, DENSE, type BlockIndex, type Mask } from '@blockpruner/blocks';
import { wholeSweep, type CellDemand } from '@blockpruner/fleet';
import { listModelFiles, type Checkpoint } from '@blockpruner/checkpoint';
import { cellKey, type CellId, type CellTable } from '@blockpruner/perplexity';
import {
  formatCount,
  formatDuration,
  type CoordinatorMetrics,
  type Logger,
  type ProgressDisplay,
} from '@blockpruner/telemetry';
import { formatAddress } from '@blockpruner/wire';
import { ArtifactProcess } from './artifact-process.ts';
import { FleetDriver } from './fleet-driver.ts';
import type { CellHandlers, EvaluationHooks, FleetNote } from './fleet-hooks.ts';
import { fleetReader } from './fleet-readings.ts';
import { RunningClock } from './running-clock.ts';
import type { ShapePlans } from './shape-plans.ts';
import { LocalWorkers } from './local-workers.ts';
import { NoWorkers, RunError } from './usage-error.ts';
import type { WorkerPlan } from './worker-plan.ts';
import { WorkerWait } from './worker-wait.ts';

/** A worker slower than this is taken for stuck: it would need a day for what a core does in minutes. */
const SLOWEST_FLOPS_PER_SECOND = 1e9;
const SHORTEST_LEASE_MS = 120_000;

export interface RunningFleetOptions extends CellHandlers {
  readonly runId: string;
  readonly checkpoint: Checkpoint;
  readonly rows: readonly Int32Array[];
  readonly plan: WorkerPlan;
  readonly cacheFolder: string;
  readonly numericClass?: string;
  readonly logger: Logger;
  readonly progress: ProgressDisplay;
  /** Plans of numeric classes that a resumed run has fixed. */
  readonly shapePlans?: ShapePlans;
  readonly onNote: (note: FleetNote) => void;
  readonly metrics: CoordinatorMetrics;
}

/** How an evaluation shows, and who is asked while it goes on. */
export interface Pursuit {
  readonly title: () => string;
  /** Of the search that this is a part of; null where unknown. */
  readonly secondsLeft?: () => number | null;
  /** A worker has nothing to do. */
  readonly onWaiting?: () => void;
}

/** A coordinator's ports with its workers: those of this machine, and any that dial from elsewhere. */
export class RunningFleet {
  readonly driver: FleetDriver;
  private readonly options: RunningFleetOptions;
  private readonly artifacts: ArtifactProcess | null;
  private local: LocalWorkers | undefined;
  private remotePort = 0;
  private readonly wait: WorkerWait;
  private readonly clock = new RunningClock();
  private hasReferee = false;

  private constructor(options: RunningFleetOptions, driver: FleetDriver, artifacts: ArtifactProcess | null) {
    this.options = options;
    this.driver = driver;
    this.artifacts = artifacts;
    this.wait = new WorkerWait(options.plan.workerTimeoutMs);
  }

  /** Opens the ports; starts no worker yet, so that nothing runs when a port is taken. */
  static async listen(options: RunningFleetOptions): Promise<RunningFleet> {
    const { plan, checkpoint, rows, metrics } = options;
    // Before the first worker can ask for them.
    const artifacts = await serveArtifacts(options);
    const onePass = baselineFlops(checkpoint.shape, DENSE, plan.longestRowTokens);
    const driver = new FleetDriver({
      runId: options.runId,
      model: { path: checkpoint.sourcePath, fingerprint: checkpoint.fingerprint },
      shape: checkpoint.shape,
      rows,
      shapePlans: options.shapePlans,
      longestRowTokens: plan.longestRowTokens,
      microBatchRows: plan.microBatchRows,
      artifacts: artifacts && { host: plan.artifacts?.dialHost ?? null, port: artifacts.port },
      leaseMs: Math.max(SHORTEST_LEASE_MS, (onePass / SLOWEST_FLOPS_PER_SECOND) * 1000),
      numericClass: options.numericClass,
      mixedClasses: plan.mixedClasses,
      remote: plan.remote !== null,
      seed: randomInt(2 ** 32 - 1), // no worker knows which of its cells are checked
      logger: options.logger,
      onCells: (cells, source) => {
        options.onCells(cells, source);
        metrics.accepted(
          cells.length,
          cells.reduce((sum, { row }) => sum + rows[row].length, 0),
        );
      },
      onCorrected: options.onCorrected,
      onNote: options.onNote,
      onUndecided: (cell) => fleet.callReferee(cell),
    });
    metrics.readFleet(fleetReader(driver));
    const fleet: RunningFleet = new RunningFleet(options, driver, artifacts);
    try {
      await fleet.openPorts();
      return fleet;
    } catch (error) {
      artifacts?.stop();
      await driver.close(false);
      throw error;
    }
  }

  /** `host:port` that workers of other machines may dial; null where none are expected. */
  get listening(): string | null {
    const { remote } = this.options.plan;
    return remote && formatAddress({ host: remote.host, port: this.remotePort });
  }

  start(): void {
    const { plan, logger } = this.options;
    if (plan.remote) {
      for (const warning of plan.remote.warnings) logger.warn(warning);
      logger.info(
        {
          listening: this.listening,
          ...(this.artifacts ? { artifacts: this.artifacts.port } : {}),
        },
        `waiting for workers; on any machine${this.artifacts ? '' : ' that sees the model at the same path'}, run: ${this.workerCommand()}`,
      );
    }
    this.local?.start();
  }

  private async openPorts(): Promise<void> {
    const { plan, cacheFolder, logger } = this.options;
    const { driver } = this;
    if (plan.remote) {
      const { host, port, security } = plan.remote;
      this.remotePort = await driver.listen(host, port, security);
    }
    if (plan.local.length === 0) return;
    // A port of their own: whatever guards the other one, they need nothing from the user.
    const token = randomBytes(32).toString('hex');
    const host = '127.0.0.1';
    const port = await driver.listen(host, 0, { tokens: () => [token] });
    this.local = new LocalWorkers({
      address: formatAddress({ host, port }),
      token,
      plan,
      cacheFolder,
      logger,
      onGivenUp: (reason) => driver.fail(new RunError(reason)),
    });
  }

  /**
   * Evaluates what is missing of a sweep, with progress.
   * @returns once every cell is in the table
   */
  async evaluate(
    sweep: CellDemand['sweep'],
    rows: readonly number[],
    cells: CellTable,
    title: string,
  ): Promise<void> {
    await this.pursue(wholeSweep(sweep, rows, cells), cells, { title: () => title });
  }

  /**
   * Evaluates what is wanted, with progress.
   * @param next what is wanted by now; null: nothing more
   */
  async pursue(next: () => CellDemand | null, cells: CellTable, pursuit: Pursuit): Promise<void> {
    const { title, secondsLeft = () => null, onWaiting = () => undefined } = pursuit;
    const hooks = { onProgress: this.display(title, secondsLeft), onWaiting };
    await this.driver.evaluate(next, (id) => !cells.has(id), hooks);
    this.options.progress.clear();
  }

  /** Has candidates of the latest sweep computed by a second worker on a few rows, where there is one. */
  async confirm(mask: Mask, candidates: readonly BlockIndex[], title: string): Promise<void> {
    const hooks = {
      onProgress: this.display(
        () => title,
        () => null,
      ),
      onWaiting: () => undefined,
    };
    await this.driver.confirm(mask, candidates, hooks);
    this.options.progress.clear();
  }

  private display(title: () => string, secondsLeft: () => number | null): EvaluationHooks['onProgress'] {
    return ({
      doneCells,
      totalCells,
      doneFlops,
      totalFlops,
      tokensPerSecond,
      readyWorkers,
      connectedWorkers,
    }) => {
      this.watchWorkers(connectedWorkers, readyWorkers);
      const left = secondsLeft();
      const details = [
        `${formatCount(tokensPerSecond)} tokens/s`,
        `${readyWorkers} worker${readyWorkers === 1 ? '' : 's'}`,
        ...(left === null ? [] : [`search ETA ${formatDuration(left)}`]),
      ];
      this.options.progress.update({
        title: title(),
        done: doneCells,
        total: totalCells,
        cost: { done: doneFlops, total: totalFlops },
        detail: readyWorkers === 0 ? 'waiting for a worker' : details.join(', '),
      });
    };
  }

  /** Has one more worker decide between two: a fresh process of this machine, or whoever comes. */
  private callReferee(cell: CellId): void {
    if (this.hasReferee) return;
    this.hasReferee = true;
    const isStarted = this.local?.startAnother() ?? false;
    this.options.logger.error(
      { cell: cellKey(cell) },
      `two workers differ, and a third one has to decide: ${isStarted ? 'starting one' : `start one with: ${this.workerCommand()}`}`,
    );
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
    const { remote } = this.options.plan;
    if (remote === null) return 'blockpruner worker';
    const isAny = remote.host === '0.0.0.0' || remote.host === '::';
    const address = formatAddress({ host: isAny ? hostname() : remote.host, port: this.remotePort });
    return ['blockpruner worker --connect', address, ...remote.workerFlags].join(' ');
  }

  /** @param finished tells remote workers that the run is over */
  async stop(finished: boolean): Promise<void> {
    this.options.progress.clear();
    this.artifacts?.stop();
    await Promise.all([this.driver.close(finished), this.local?.stop()]);
  }
}

async function serveArtifacts({
  plan,
  checkpoint,
  cacheFolder,
  logger,
}: RunningFleetOptions): Promise<ArtifactProcess | null> {
  if (plan.artifacts === null) return null;
  const files = await listModelFiles(checkpoint.sourcePath);
  return ArtifactProcess.start(files, plan.artifacts, cacheFolder, logger);
}

export function newRunId(): string {
  return randomUUID().slice(0, 8);
}
