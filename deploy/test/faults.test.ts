import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE, testCluster } from './cluster.ts';
import type { ClusterRun } from './cluster-run.ts';
import { eventually } from './eventually.ts';
import { kubectl } from './kubectl.ts';
import { buildImage, RealRuns } from './real-run.ts';

const EXIT_INTERRUPTED = 130;

interface Stats {
  readonly counters: { readonly workersLost: number };
}

describe('a run on a real node', { timeout: 900_000 }, () => {
  let runs: RealRuns;
  let run: ClusterRun | undefined;
  const start = async (name: string): Promise<ClusterRun> => (run = await runs.start(name));
  const remove = (pod: string, ...how: string[]): Promise<string> =>
    kubectl(['delete', 'pod', pod, '-n', NAMESPACE, '--wait=false', ...how]);
  /** Every worker that ended left by itself within its grace period, and no coordinator saw one vanish. */
  const expectDrained = (of: ClusterRun): void => {
    expect(new Set(Object.values(of.watch.exitCodes('worker')))).toEqual(new Set([0]));
    expect((JSON.parse(of.file('stats.json') ?? '{}') as Stats).counters.workersLost).toBe(0);
  };
  const expectSameResult = (of: ClusterRun): void => expect(of.file('result.json')).toBe(runs.reference);

  beforeAll(async () => {
    const cluster = testCluster(process.env);
    await buildImage(cluster);
    runs = await RealRuns.prepare(cluster);
  }, 1_200_000);
  afterEach(async () => {
    await run?.remove();
    run = undefined;
  }, 300_000);

  it('gives the result of the same run without Kubernetes', async () => {
    const undisturbed = await start('undisturbed');
    await undisturbed.finishes();
    expectSameResult(undisturbed);
  });

  it('is scaled from two workers to four, and to one', async () => {
    const scaled = await start('scaled');
    await scaled.decides(1);
    await scaled.scale(4);
    await scaled.workersReady(4);
    await scaled.decides(3);
    await scaled.scale(1);
    await eventually(async () => (await scaled.pods('worker')).length === 1);
    await scaled.finishes();
    expectSameResult(scaled);
    await eventually(() => Object.keys(scaled.watch.exitCodes('worker')).length === 3);
    expectDrained(scaled);
  });

  it('loses the pod of a worker', async () => {
    const robbed = await start('worker-deleted');
    await robbed.decides(1);
    const [victim] = await robbed.pods('worker');
    await remove(victim);
    await robbed.finishes();
    expectSameResult(robbed);
    expect(robbed.watch.exitCodes('worker')).toEqual({ [victim]: 0 });
    expectDrained(robbed);
  });

  it('loses the pod of its coordinator, gently and then by force', async () => {
    const orphaned = await start('coordinator-deleted');
    await orphaned.decides(1);
    const [first] = await orphaned.pods('coordinator');
    await remove(first);
    await eventually(async () => (await orphaned.pods('coordinator')).some((pod) => pod !== first));
    const decided = orphaned.decisionCount;
    await orphaned.decides(decided + 2);
    const [second] = await orphaned.pods('coordinator');
    await remove(second, '--grace-period=0', '--force');
    await orphaned.finishes();
    expectSameResult(orphaned);
    expect(orphaned.watch.exitCodes('coordinator')).toMatchObject({ [first]: EXIT_INTERRUPTED });
  });

  it('goes on under a coordinator that was made anew, as an upgrade does it', async () => {
    const upgraded = await start('coordinator-upgraded');
    await upgraded.decides(2);
    await kubectl(['delete', 'job', 'blockpruner-coordinator', '-n', NAMESPACE]);
    await upgraded.applyAgain();
    await upgraded.finishes();
    expectSameResult(upgraded);
  });

  it('has its workers rolled', async () => {
    const rolled = await start('workers-rolled');
    await rolled.decides(1);
    await kubectl(['rollout', 'restart', 'deployment/blockpruner-worker', '-n', NAMESPACE]);
    await kubectl(['rollout', 'status', 'deployment/blockpruner-worker', '-n', NAMESPACE, '--timeout=110s']);
    await rolled.finishes();
    expectSameResult(rolled);
    expect(Object.keys(rolled.watch.exitCodes('worker')).length).toBeGreaterThanOrEqual(2);
    expectDrained(rolled);
  });

  it('has its node drained', async () => {
    const drained = await start('node-drained');
    await drained.decides(1);
    const node = drained.watch.of('worker')[0].spec.nodeName ?? '';
    const before = [...(await drained.pods('worker')), ...(await drained.pods('coordinator'))];
    const ours = ['--pod-selector=app.kubernetes.io/name=blockpruner', '--ignore-daemonsets'];
    try {
      await kubectl(['drain', node, ...ours, '--delete-emptydir-data', '--timeout=110s']);
      await eventually(() => before.every((pod) => pod in drained.watch.exitCodes('worker') || pod in drained.watch.exitCodes('coordinator'))); // prettier-ignore
    } finally {
      await kubectl(['uncordon', node]);
    }
    await drained.finishes();
    expectSameResult(drained);
    expectDrained(drained);
  });
});
