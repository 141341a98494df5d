import { describe, expect, it } from 'vitest';
import { MetricsRegistry } from './metrics-registry.ts';

describe('MetricsRegistry', () => {
  it('writes its own metrics and those of the process, all under one prefix', async () => {
    const metrics = new MetricsRegistry();
    metrics.counter({ name: 'cells_total', help: 'Cells.' }).inc(3);
    metrics.gauge({ name: 'workers', help: 'Workers.', labelNames: ['state'] }).set({ state: 'ready' }, 2);
    metrics.histogram({ name: 'fsync_seconds', help: 'Fsync.', buckets: [1] }).observe(0.5);
    const lines = (await metrics.text()).split('\n');
    expect(lines).toContain('blockpruner_cells_total 3');
    expect(lines).toContain('blockpruner_workers{state="ready"} 2');
    expect(lines).toContain('blockpruner_fsync_seconds_bucket{le="1"} 1');
    expect(lines.some((line) => line.startsWith('blockpruner_process_resident_memory_bytes '))).toBe(true);
    expect(lines.filter((line) => line !== '' && !/^(# (HELP|TYPE) )?blockpruner_/.test(line))).toEqual([]);
  });

  it('keeps two processes of a test apart, and describes what was made', () => {
    const [first, second] = [new MetricsRegistry(), new MetricsRegistry()];
    first.counter({ name: 'cells_total', help: 'Cells.' });
    first.gauge({ name: 'workers', help: 'Workers.', labelNames: ['state'] });
    second.counter({ name: 'cells_total', help: 'Cells.' });
    expect(first.descriptions()).toEqual([
      { name: 'blockpruner_cells_total', kind: 'counter', labels: [], help: 'Cells.' },
      { name: 'blockpruner_workers', kind: 'gauge', labels: ['state'], help: 'Workers.' },
    ]);
  });
});
