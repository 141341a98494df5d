import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE } from './cluster.ts';
import { removeNamespace } from './cluster-run.ts';
import { FAKE_NODES, GPUS_A_NODE, makeFakeNodes, removeFakeNodes } from './fake-nodes.ts';
import { eventually } from './eventually.ts';
import { apply, kubectl, list, tryKubectl, type KubernetesObject } from './kubectl.ts';
import { podPatch, render } from './kustomization.ts';
import { MetricAdapter } from './metric-adapter.ts';
import { makeVolume, removeVolumes, type Volume } from './volume.ts';

const NODES = 2;
const GPUS = NODES * GPUS_A_NODE;
const WORKER = 'app.kubernetes.io/component=worker';
/** Pods that nobody runs mount nothing, and wait for their claims all the same. */
const VOLUMES: readonly Volume[] = ['runs', 'model'].map((claim) => ({
  name: `blockpruner-test-${claim}`,
  folder: `/nonexistent/${claim}`,
  claim: `blockpruner-${claim}`,
  isMade: false,
}));

interface Pod extends KubernetesObject {
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string };
}

const onFakeNodes = podPatch('worker', { nodeSelector: FAKE_NODES });

describe('workers on simulated nodes with 8 GPUs', { timeout: 400_000 }, () => {
  let nodes: string[];
  const workers = (): Promise<Pod[]> => list<Pod>(['pods', '-n', NAMESPACE, '-l', WORKER]);
  const runningCount = async (): Promise<number> =>
    (await workers()).filter(
      ({ status, metadata }) => status.phase === 'Running' && metadata.deletionTimestamp === undefined,
    ).length;
  const scale = (replicas: number): Promise<string> =>
    kubectl(['scale', 'deployment/blockpruner-worker', '-n', NAMESPACE, `--replicas=${replicas}`]);

  beforeAll(async () => {
    await removeNamespace();
    nodes = await makeFakeNodes(NODES);
    for (const volume of VOLUMES) await makeVolume(volume);
    const manifests = await render({
      name: 'gpu-fake',
      overlay: 'gpu',
      components: [],
      patches: [onFakeNodes],
    });
    await kubectl(['create', 'namespace', NAMESPACE]);
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'blockpruner-token', namespace: NAMESPACE },
      stringData: { token: 'of-this-test' },
    });
    await kubectl(['apply', '-f', '-'], manifests);
  }, 300_000);
  afterAll(async () => {
    await removeNamespace();
    await removeVolumes(VOLUMES);
    await removeFakeNodes();
  }, 300_000);

  it('get a GPU each, and one more than there are GPUs waits and says why', async () => {
    await eventually(async () => (await runningCount()) === 8);
    await scale(GPUS);
    await eventually(async () => (await runningCount()) === GPUS);
    const placed = Object.groupBy(await workers(), ({ spec }) => spec.nodeName ?? 'none');
    expect(Object.fromEntries(Object.entries(placed).map(([node, pods]) => [node, pods?.length]))).toEqual(
      Object.fromEntries(nodes.map((name) => [name, GPUS_A_NODE])),
    );
    await scale(GPUS + 1);
    await eventually(async () => {
      const waiting = (await workers()).find(({ status }) => status.phase === 'Pending');
      if (waiting === undefined) return false;
      const events = await kubectl([
        'get', 'events', '-n', NAMESPACE, '-o', 'jsonpath={.items[*].message}',
        '--field-selector', `reason=FailedScheduling,involvedObject.name=${waiting.metadata.name}`,
      ]); // prettier-ignore
      return events.includes(`${NODES} Insufficient nvidia.com/gpu`);
    });
    expect(await runningCount()).toBe(GPUS);
    await scale(GPUS);
  });

  it('are evicted one at a time', async () => {
    await eventually(async () => (await workers()).length === GPUS && (await runningCount()) === GPUS);
    const [first, second] = await workers();
    const evict = ({ metadata: { name } }: Pod) => {
      const eviction = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace: NAMESPACE },
      };
      const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
      return tryKubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
    };
    await eventually(async () => {
      const allowed = ['get', 'pdb', 'blockpruner-worker', '-n', NAMESPACE, '-o', 'jsonpath={.status.disruptionsAllowed}'];
      return (await kubectl(allowed)) === '1';
    }); // prettier-ignore
    const [allowed, refused] = [await evict(first), await evict(second)];
    expect(allowed).toMatchObject({ code: 0 });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/disruption budget/i);
    await eventually(async () => (await runningCount()) === GPUS);
  });

  it('follow the work that is left, from one to all and back', async () => {
    const manifests = await render({ name: 'gpu-hpa', overlay: 'gpu', components: ['hpa'] });
    const scalers = manifests
      .split(/^---$/m)
      .filter((object) => /^kind: HorizontalPodAutoscaler$/m.test(object));
    expect(scalers).toHaveLength(1);
    const adapter = await MetricAdapter.serve();
    try {
      adapter.value = 0;
      await kubectl(['apply', '-f', '-'], scalers[0]);
      // To hesitate for minutes is right for a cluster, and nothing to a test.
      const scaleDown = {
        stabilizationWindowSeconds: 0,
        policies: [{ type: 'Percent', value: 100, periodSeconds: 1 }],
      };
      const patch = JSON.stringify({ spec: { behavior: { scaleDown } } });
      await kubectl(['patch', 'hpa', 'blockpruner-worker', '-n', NAMESPACE, '--type=merge', '-p', patch]);
      await scale(1);
      const replicas = async (): Promise<number> =>
        Number(
          await kubectl([
            'get',
            'deployment/blockpruner-worker',
            '-n',
            NAMESPACE,
            '-o',
            'jsonpath={.spec.replicas}',
          ]),
        );
      await eventually(async () => (await runningCount()) === 1);
      adapter.value = 100_000_000;
      await eventually(async () => (await replicas()) === GPUS && (await runningCount()) === GPUS);
      adapter.value = 0;
      await eventually(async () => (await replicas()) === 1 && (await runningCount()) === 1);
      expect([...adapter.asked]).toEqual(['blockpruner_pending_work_seconds']);
    } finally {
      await adapter.close();
    }
  });
});
