import type { Counter, Gauge } from 'prom-client';
import type { MetricsRegistry } from './metrics-registry.ts';

/** What a worker's time goes to. */
export type WorkerActivity = 'connecting' | 'loading' | 'waiting' | 'computing' | 'sending' | 'draining';

/** What became of a task. */
export type TaskOutcome = 'done' | 'failed' | 'cancelled';

/** A worker at the moment of a scrape; sums and counts are since the process began. */
export interface WorkerReadings {
  readonly isReady: boolean;
  readonly activitySeconds: Readonly<Record<WorkerActivity, number>>;
  readonly tasks: Readonly<Record<TaskOutcome, number>>;
  readonly tokens: number;
  readonly flops: number;
  /** Null while none was measured. */
  readonly peakFlopsPerSecond: number | null;
  /** Model FLOPs utilisation; null while there is none. */
  readonly mfu: number | null;
  readonly memoryBytes: Readonly<Record<'resident' | 'limit', number>>;
}

/**
 * The metrics of a worker.
 *
 * Invariants:
 * 1. All of them are read when they are scraped, and kept nowhere.
 * 2. What cannot be said yet has no sample.
 */
export class WorkerMetrics {
  private readonly registry: MetricsRegistry;
  private readonly read: () => WorkerReadings;

  constructor(registry: MetricsRegistry, read: () => WorkerReadings) {
    this.registry = registry;
    this.read = read;
    this.gauge('ready', 'Whether it is connected with the model of the run loaded: 0 or 1.', ({ isReady }) =>
      Number(isReady),
    );
    this.counts(
      'seconds_total',
      'activity',
      'Time since it started, by what it went to; at each moment that is one activity.',
      ({ activitySeconds }) => activitySeconds,
    );
    this.counts(
      'tasks_total',
      'outcome',
      'Tasks that were taken; cancelled: by the coordinator, given back, or lost with the connection.',
      ({ tasks }) => tasks,
    );
    this.count('tokens_total', "Tokens of the rows of finished tasks' cells.", ({ tokens }) => tokens);
    this.count('flops_total', 'FLOPs of finished tasks, as whole sweeps compute them.', ({ flops }) => flops);
    this.gauge(
      'peak_flops_per_second',
      'FLOP/s of a large matrix product, measured when the model was loaded.',
      ({ peakFlopsPerSecond }) => peakFlopsPerSecond,
    );
    this.gauge(
      'mfu_ratio',
      'Model FLOPs utilisation of the last finished task: its FLOP/s over the peak.',
      ({ mfu }) => mfu,
    );
    const memory = registry.gauge({
      name: 'worker_memory_bytes',
      help: 'Memory; resident: of the worker and its compute process; limit: what it was told to stay below.',
      labelNames: ['kind'],
      collect: () => {
        for (const [kind, bytes] of Object.entries(read().memoryBytes)) memory.set({ kind }, bytes);
      },
    });
  }

  private gauge(name: string, help: string, value: (readings: WorkerReadings) => number | null): void {
    const gauge: Gauge = this.registry.gauge({
      name: `worker_${name}`,
      help,
      collect: () => {
        const now = value(this.read());
        if (now === null) gauge.remove();
        else gauge.set(now); // (2)
      },
    });
  }

  private count(name: string, help: string, value: (readings: WorkerReadings) => number): void {
    const counter: Counter = this.registry.counter({
      name: `worker_${name}`,
      help,
      collect: () => {
        counter.reset();
        counter.inc(value(this.read()));
      },
    });
  }

  private counts(
    name: string,
    label: string,
    help: string,
    values: (readings: WorkerReadings) => Readonly<Record<string, number>>,
  ): void {
    const counter = this.registry.counter({
      name: `worker_${name}`,
      help,
      labelNames: [label],
      collect: () => {
        counter.reset();
        for (const [key, value] of Object.entries(values(this.read()))) counter.inc({ [label]: key }, value);
      },
    });
  }
}
