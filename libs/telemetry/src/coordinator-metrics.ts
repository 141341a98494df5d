import type { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from './metrics-registry.ts';

/** A fleet at the moment of a scrape; counts are since the process began. */
export interface FleetReadings {
  readonly tasks: Readonly<Record<'pending' | 'leased', number>>;
  readonly tasksDone: number;
  readonly tasksRetried: number;
  readonly tasksHedged: number;
  readonly leasesExpired: number;
  readonly workers: Readonly<Record<'loading' | 'ready' | 'draining', number>>;
  readonly workersLost: number;
  readonly workersRefused: number;
  readonly cellsDivergent: number;
  readonly flops: number;
}

/** A search at the moment of a scrape. */
export interface SearchReadings {
  /** Iterations decided. */
  readonly iteration: number;
  readonly iterationsExpected: number;
  /** Nats; null while nothing is scored. */
  readonly score: number | null;
  readonly candidatesAlive: number;
  readonly pendingWorkSeconds: number;
}

/** A disk with a cache of its own takes tens of microseconds, a network volume tens of milliseconds. */
const FSYNC_BUCKETS_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/**
 * The metrics of a coordinator.
 *
 * Invariants:
 * 1. What is a state is read when it is scraped and kept nowhere; so is what is counted elsewhere.
 * 2. What cannot be said yet has no sample: no gauge starts at a zero that nobody has found.
 */
export class CoordinatorMetrics {
  private readonly registry: MetricsRegistry;
  private fleet: () => FleetReadings | undefined = () => undefined;
  private search: () => SearchReadings | undefined = () => undefined;
  private readonly runInfo: Gauge<'run' | 'model' | 'search'>;
  private readonly resumes: Counter;
  private readonly cells: Counter;
  private readonly tokens: Counter;
  private readonly fsync: Histogram;
  private readonly lastDecision: Gauge;
  private readonly lastCell: Gauge;

  constructor(registry: MetricsRegistry) {
    this.registry = registry;
    this.runInfo = registry.gauge({
      name: 'run_info',
      help: 'Always 1; its labels say what is computed.',
      labelNames: ['run', 'model', 'search'],
    });
    this.ofSearch('iteration', 'Iterations decided.', ({ iteration }) => iteration);
    this.ofSearch(
      'iterations_expected',
      'Iterations of the whole search, as far as it can be told.',
      ({ iterationsExpected }) => iterationsExpected,
    );
    this.ofSearch('score_nats', 'Score of the model so far, nats.', ({ score }) => score);
    this.ofSearch('perplexity', 'Perplexity of the model so far.', ({ score }) =>
      score === null ? null : Math.exp(score),
    );
    this.ofSearch(
      'candidates_alive',
      'Candidates of the iteration under way that no race has dropped.',
      ({ candidatesAlive }) => candidatesAlive,
    );
    this.ofSearch(
      'pending_work_seconds',
      'Seconds that one worker would take for the rest of the search; at least 1 until it has finished, then 0.',
      ({ pendingWorkSeconds }) => pendingWorkSeconds,
    );
    this.statesOfFleet(
      'tasks',
      'pending: rows that wait to be cut into tasks, and tasks to be tried again; leased: in the hands of workers.',
      ({ tasks }) => tasks,
    );
    this.countOfFleet('tasks_done_total', 'Tasks finished.', ({ tasksDone }) => tasksDone);
    this.countOfFleet(
      'tasks_retried_total',
      'Tasks taken back unfinished: their worker was lost, failed, or drains.',
      ({ tasksRetried }) => tasksRetried,
    );
    this.countOfFleet(
      'tasks_hedged_total',
      'Copies of a task that is late, given to a worker that was idle.',
      ({ tasksHedged }) => tasksHedged,
    );
    this.countOfFleet(
      'leases_expired_total',
      'Leases in which a worker delivered nothing.',
      ({ leasesExpired }) => leasesExpired,
    );
    this.statesOfFleet(
      'workers',
      'Workers that are connected; loading: without a model, or kept from tasks for now.',
      ({ workers }) => workers,
    );
    this.countOfFleet(
      'workers_lost_total',
      'Workers that died, went silent or delivered nothing.',
      ({ workersLost }) => workersLost,
    );
    this.countOfFleet(
      'workers_refused_total',
      'Workers turned away.',
      ({ workersRefused }) => workersRefused,
    );
    this.cells = registry.counter({ name: 'cells_total', help: 'Cells that were computed and accepted.' });
    this.countOfFleet(
      'cells_divergent_total',
      'Cells for which two workers of one numeric class computed different values.',
      ({ cellsDivergent }) => cellsDivergent,
    );
    this.tokens = registry.counter({ name: 'tokens_total', help: "Tokens of the accepted cells' rows." });
    this.countOfFleet(
      'flops_total',
      'FLOPs of what was computed for the search, as whole sweeps compute it.',
      ({ flops }) => flops,
    );
    this.fsync = registry.histogram({
      name: 'journal_fsync_seconds',
      help: 'Time until the disk had what was appended to the journal or the cells.',
      buckets: FSYNC_BUCKETS_SECONDS,
    });
    this.resumes = registry.counter({
      name: 'resumes_total',
      help: 'Times that the run was gone on with, since it was created.',
    });
    this.lastDecision = this.unknownGauge(
      'last_decision_timestamp_seconds',
      'When this process last decided an iteration.',
    );
    this.lastCell = this.unknownGauge('last_cell_timestamp_seconds', 'When the last cell was accepted.');
  }

  /** Says what is computed. @param resumes times that the run was resumed, this time too */
  started(info: Readonly<Record<'run' | 'model' | 'search', string>>, resumes: number): void {
    this.runInfo.set(info, 1);
    this.resumes.inc(resumes);
  }

  /** Whom to ask of the fleet, from now on. */
  readFleet(read: () => FleetReadings): void {
    this.fleet = read;
  }

  /** Whom to ask of the search, from now on. */
  readSearch(read: () => SearchReadings): void {
    this.search = read;
  }

  /** @param tokens of the rows of these cells */
  accepted(cells: number, tokens: number): void {
    this.cells.inc(cells);
    this.tokens.inc(tokens);
    this.lastCell.setToCurrentTime();
  }

  decided(): void {
    this.lastDecision.setToCurrentTime();
  }

  synced(seconds: number): void {
    this.fsync.observe(seconds);
  }

  private ofSearch(name: string, help: string, value: (search: SearchReadings) => number | null): void {
    const gauge = this.unknownGauge(name, help, () => {
      const search = this.search();
      const now = search ? value(search) : null;
      if (now !== null) gauge.set(now);
    });
  }

  private statesOfFleet(
    name: string,
    help: string,
    states: (fleet: FleetReadings) => Readonly<Record<string, number>>,
  ): void {
    const gauge = this.registry.gauge({
      name,
      help,
      labelNames: ['state'],
      collect: () => {
        const fleet = this.fleet();
        for (const [state, count] of Object.entries(fleet ? states(fleet) : {})) gauge.set({ state }, count);
      },
    });
  }

  private countOfFleet(name: string, help: string, value: (fleet: FleetReadings) => number): void {
    const counter: Counter = this.registry.counter({
      name,
      help,
      collect: () => {
        const fleet = this.fleet();
        counter.reset();
        counter.inc(fleet ? value(fleet) : 0);
      },
    });
  }

  private unknownGauge(name: string, help: string, collect?: () => void): Gauge {
    const gauge = this.registry.gauge({ name, help, ...(collect && { collect }) });
    gauge.remove(); // (2)
    return gauge;
  }
}
