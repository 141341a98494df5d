import { describe, expect, it } from 'vitest';
import { CoordinatorMetrics, type FleetReadings } from './coordinator-metrics.ts';
import { MetricsRegistry } from './metrics-registry.ts';

const FLEET: FleetReadings = {
  tasks: { pending: 5, leased: 2 },
  tasksDone: 7,
  tasksRetried: 1,
  tasksHedged: 3,
  leasesExpired: 0,
  workers: { loading: 1, ready: 2, draining: 0 },
  workersLost: 1,
  workersRefused: 4,
  cellsDivergent: 0,
  flops: 1e12,
};
const SEARCH = { iteration: 3, iterationsExpected: 8, score: 2, candidatesAlive: 9, pendingWorkSeconds: 600 };

/** What a scrape reads, less the metrics of the process. */
async function scrape(registry: MetricsRegistry): Promise<Record<string, number>> {
  const lines = (await registry.text()).split('\n').filter((line) => /^blockpruner_/.test(line));
  const samples = lines.map((line) => /^blockpruner_(.*) (\S+)$/.exec(line)?.slice(1) ?? ['', '']);
  return Object.fromEntries(
    samples
      .filter(([name]) => !/^(process|nodejs)_/.test(name))
      .map(([name, value]) => [name, Number(value)]),
  );
}

describe('the metrics of a coordinator', () => {
  it('say nothing of what nobody knows yet', async () => {
    const registry = new MetricsRegistry();
    new CoordinatorMetrics(registry);
    const samples = await scrape(registry);
    expect(Object.keys(samples).filter((name) => !/_total$|^journal_fsync_seconds/.test(name))).toEqual([]);
    expect(Object.values(samples).every((value) => value === 0)).toBe(true);
  });

  it('are read when they are scraped', async () => {
    const registry = new MetricsRegistry();
    const metrics = new CoordinatorMetrics(registry);
    let fleet = FLEET;
    let pendingWorkSeconds = 600;
    metrics.readFleet(() => fleet);
    metrics.readSearch(() => ({ ...SEARCH, pendingWorkSeconds }));
    metrics.started({ run: 'c0ffee00', model: 'tiny', search: 'race' }, 2);
    metrics.accepted(10, 800);
    metrics.synced(0.002);
    expect(await scrape(registry)).toMatchObject({
      'run_info{run="c0ffee00",model="tiny",search="race"}': 1,
      iteration: 3,
      iterations_expected: 8,
      score_nats: 2,
      perplexity: Math.exp(2),
      candidates_alive: 9,
      pending_work_seconds: 600,
      'tasks{state="pending"}': 5,
      'tasks{state="leased"}': 2,
      'workers{state="loading"}': 1,
      'workers{state="ready"}': 2,
      'workers{state="draining"}': 0,
      tasks_done_total: 7,
      flops_total: 1e12,
      cells_total: 10,
      tokens_total: 800,
      resumes_total: 2,
      journal_fsync_seconds_count: 1,
    });
    fleet = { ...FLEET, tasksDone: 9, workers: { loading: 0, ready: 0, draining: 1 } };
    pendingWorkSeconds = 0;
    metrics.decided();
    const later = await scrape(registry);
    expect(later).toMatchObject({
      tasks_done_total: 9,
      'workers{state="ready"}': 0,
      pending_work_seconds: 0,
    });
    expect(later.last_decision_timestamp_seconds).toBeGreaterThan(1.7e9);
  });

  it('have no score while nothing is scored', async () => {
    const registry = new MetricsRegistry();
    new CoordinatorMetrics(registry).readSearch(() => ({ ...SEARCH, score: null }));
    const samples = await scrape(registry);
    expect(samples).toHaveProperty('iteration', 3);
    expect(samples).not.toHaveProperty('score_nats');
    expect(samples).not.toHaveProperty('perplexity');
  });
});
