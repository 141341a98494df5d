import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RULE_TESTS_FILE, RULES_FILE, writeAlertRules } from './alert-rules.ts';
import { NAMESPACE, ROOT, testCluster } from './cluster.ts';
import type { ClusterRun } from './cluster-run.ts';
import { PrometheusServer, type Target } from './prometheus-server.ts';
import { buildImage, RealRuns } from './real-run.ts';

const run = promisify(execFile);
const DASHBOARD = join(ROOT, 'deploy/components/monitoring/dashboard.json');
/** A metric of ours with its labels. What else a query names comes from the exporters of the cluster. */
const SELECTOR = /\bblockpruner_\w+(?:\{[^}]*\})?/g;

/** Every PromQL expression of a dashboard, its variables filled in. */
function expressionsOf(part: unknown): string[] {
  if (Array.isArray(part)) return part.flatMap(expressionsOf);
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) =>
    key === 'expr' && typeof value === 'string'
      ? [value.replaceAll('$namespace', NAMESPACE)]
      : expressionsOf(value),
  );
}

/** The pods that can be scraped, as the monitors of the component choose them. */
function targetsOf({ watch }: ClusterRun): Target[] {
  return (['coordinator', 'worker'] as const).flatMap((container) =>
    watch.of(container).flatMap(({ metadata: { name: pod }, status: { podIP, phase } }) => {
      const labels = { namespace: NAMESPACE, pod, container };
      return podIP !== undefined && phase === 'Running' ? [{ address: `${podIP}:9464`, labels }] : [];
    }),
  );
}

describe('dashboard and alerts on metrics of a real run', { timeout: 900_000 }, () => {
  let folder: TemporaryFolder;
  let prometheus: PrometheusServer;
  let scraped: ClusterRun;
  /** Selectors that had no series at any time. */
  const withoutSeries = async (expressions: readonly string[]): Promise<string[]> => {
    const selectors = new Set(expressions.flatMap((expression) => expression.match(SELECTOR) ?? []));
    expect(selectors.size).toBeGreaterThan(0);
    const found = await Promise.all(
      [...selectors].map(async (selector) => ({
        selector,
        count: (await prometheus.range(selector)).length,
      })),
    );
    return found.filter(({ count }) => count === 0).map(({ selector }) => selector);
  };

  beforeAll(async () => {
    const cluster = testCluster(process.env);
    folder = temporaryFolder();
    writeAlertRules(folder.path);
    await buildImage(cluster);
    const runs = await RealRuns.prepare(cluster);
    prometheus = await PrometheusServer.start(folder.path, RULES_FILE);
    scraped = await runs.start('scraped');
    const following = setInterval(() => prometheus.scrape(targetsOf(scraped)), 1000);
    await scraped.finishes().finally(() => clearInterval(following));
  }, 1_800_000);
  afterAll(async () => {
    prometheus.stop();
    await scraped.remove();
    folder.remove();
  }, 300_000);

  it('finds every metric and label that the dashboard asks for', async () => {
    const dashboard: unknown = JSON.parse(readFileSync(DASHBOARD, 'utf8'));
    const expressions = expressionsOf(dashboard);
    expect(await withoutSeries(expressions)).toEqual([]);
    for (const expression of expressions) await prometheus.range(expression);
  });

  it('finds every metric and label that the alerts ask for, and evaluates them', async () => {
    const rules = readFileSync(join(folder.path, RULES_FILE), 'utf8');
    expect(await withoutSeries([rules])).toEqual([]);
    expect(await prometheus.brokenRules()).toEqual({});
  });

  it('has alerts that promtool takes for right, and that fire when they are to', async () => {
    await run('promtool', ['check', 'rules', RULES_FILE], { cwd: folder.path });
    await run('promtool', ['test', 'rules', RULE_TESTS_FILE], { cwd: folder.path });
  });
});
