import { kubectl } from './kubectl.ts';

/** GPUs of each node. */
export const GPUS_A_NODE = 8;
const LABEL = 'blockpruner-test';

/** Selects these nodes alone. */
export const FAKE_NODES = { [LABEL]: 'fake' };

/** Makes nodes that kwok plays: pods there turn Running, and nothing runs. @returns their names */
export async function makeFakeNodes(count: number): Promise<string[]> {
  await removeFakeNodes(); // of tests that were broken off
  const names = Array.from({ length: count }, (_, index) => `blockpruner-test-gpu-${index}`);
  const resources = {
    cpu: '128',
    memory: '1Ti',
    pods: '110',
    'ephemeral-storage': '2Ti',
    'nvidia.com/gpu': String(GPUS_A_NODE),
  };
  const nodes = names.map((name) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: {
        ...FAKE_NODES,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'nvidia.com/gpu.present': 'true',
      },
    },
    spec: { taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }] },
    status: { capacity: resources, allocatable: resources },
  }));
  await kubectl(['create', '-f', '-'], nodes.map((node) => JSON.stringify(node)).join('\n---\n'));
  await kubectl(['wait', '--for=condition=Ready', 'node', '-l', `${LABEL}=fake`, '--timeout=100s']);
  return names;
}

export async function removeFakeNodes(): Promise<void> {
  await kubectl(['delete', 'node', '-l', `${LABEL}=fake`, '--wait=true', '--timeout=60s']);
}
