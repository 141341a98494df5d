import { CoordinatorMetrics, MetricsRegistry } from '@blockpruner/telemetry';
import { expect, it } from 'vitest';
import { codes, table } from './pages.ts';

it('docs/metrics.md lists the metrics of a coordinator, as it describes them itself', () => {
  const registry = new MetricsRegistry();
  new CoordinatorMetrics(registry);
  const documented = table('docs/metrics.md', '## Coordinator').map(([name, kind, labels, help]) => ({
    name: codes(name)[0],
    kind,
    labels: codes(labels),
    help,
  }));
  expect(documented).toEqual(registry.descriptions());
});
