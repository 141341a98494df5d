import { CoordinatorMetrics, MetricsRegistry, WorkerMetrics } from '@blockpruner/telemetry';
import { expect, it } from 'vitest';
import { codes, table } from './pages.ts';

const never = (): never => {
  throw new Error('nobody scrapes here');
};

it.each<[string, (registry: MetricsRegistry) => unknown]>([
  ['Coordinator', (registry) => new CoordinatorMetrics(registry)],
  ['Worker', (registry) => new WorkerMetrics(registry, never)],
])('docs/metrics.md lists the metrics of a process as it describes them itself: %s', (heading, define) => {
  const registry = new MetricsRegistry();
  define(registry);
  const documented = table('docs/metrics.md', `## ${heading}`).map(([name, kind, labels, help]) => ({
    name: codes(name)[0],
    kind,
    labels: codes(labels),
    help,
  }));
  expect(documented).toEqual(registry.descriptions());
});
