import { describe, expect, it } from 'vitest';
import { MetricsRegistry } from './metrics-registry.ts';
import { WorkerMetrics, type WorkerReadings } from './worker-metrics.ts';

const AT_START: WorkerReadings = {
  isReady: false,
  activitySeconds: { connecting: 0.5, loading: 0, waiting: 0, computing: 0, sending: 0, draining: 0 },
  tasks: { done: 0, failed: 0, cancelled: 0 },
  tokens: 0,
  flops: 0,
  peakFlopsPerSecond: null,
  mfu: null,
  memoryBytes: { resident: 1e8, limit: 1e9 },
};

function scrape(readings: () => WorkerReadings) {
  const registry = new MetricsRegistry();
  new WorkerMetrics(registry, readings);
  return async (): Promise<string[]> =>
    (await registry.text())
      .split('\n')
      .filter((line) => line.startsWith('blockpruner_worker_'))
      .map((line) => line.slice('blockpruner_worker_'.length));
}

describe('the metrics of a worker', () => {
  it('are read when they are scraped, and say nothing of what nobody knows yet', async () => {
    let readings = AT_START;
    const lines = scrape(() => readings);
    const first = await lines();
    expect(first).toContain('ready 0');
    expect(first).toContain('seconds_total{activity="connecting"} 0.5');
    expect(first).toContain('memory_bytes{kind="limit"} 1000000000');
    expect(first.filter((line) => /^(mfu|peak)/.test(line))).toEqual([]);
    readings = {
      ...AT_START,
      isReady: true,
      tasks: { done: 3, failed: 1, cancelled: 2 },
      tokens: 900,
      flops: 1e12,
      peakFlopsPerSecond: 2e11,
      mfu: 0.75,
    };
    for (const scraped of [await lines(), await lines()]) {
      expect(scraped).toEqual(
        expect.arrayContaining([
          'ready 1',
          'tasks_total{outcome="done"} 3',
          'tasks_total{outcome="failed"} 1',
          'tasks_total{outcome="cancelled"} 2',
          'tokens_total 900',
          'flops_total 1000000000000',
          'peak_flops_per_second 200000000000',
          'mfu_ratio 0.75',
        ]),
      );
    }
    readings = AT_START; // a model without a measured peak
    expect((await lines()).filter((line) => /^(mfu|peak)/.test(line))).toEqual([]);
  });
});
