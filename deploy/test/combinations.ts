/** Every overlay alone, with each component that it can have, and with several as clusters have them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './cluster.ts';
import type { Combination } from './kustomization.ts';

type Overlay = Combination['overlay'];

const COMPONENTS = readdirSync(join(ROOT, 'deploy/components')).sort();

/** What an overlay already has. */
const HAS: Record<Overlay, readonly string[]> = {
  local: [],
  gpu: ['gpu', 'model-from-pvc'],
  'gpu-spot': ['gpu', 'model-from-coordinator', 'monitoring', 'keda'],
};

/** The number of workers has one owner, and a JobSet's pods have no Deployment to scale; the model has one way. */
const EXCLUSIVE: readonly (readonly string[])[] = [
  ['keda', 'hpa', 'jobset'],
  ['model-from-pvc', 'model-from-coordinator'],
];

const SEVERAL = [
  combination('local', 'tls', 'monitoring', 'jobset'),
  combination('gpu', 'tls', 'monitoring'),
  combination('gpu', 'monitoring', 'keda'),
  combination('gpu', 'monitoring', 'hpa'),
  combination('gpu', 'tls', 'monitoring', 'jobset'),
];

export const COMBINATIONS: readonly Combination[] = [
  ...(Object.keys(HAS) as Overlay[]).flatMap((overlay) => [
    combination(overlay),
    ...COMPONENTS.filter((component) => goesWith(component, HAS[overlay])).map((component) =>
      combination(overlay, component),
    ),
  ]),
  ...SEVERAL,
];

/** Tests of kube-score that a combination fails on purpose, and why. */
export function ignoredScores({ components }: Combination): Record<string, string> {
  const unseen = 'kube-score does not look for pods in a JobSet';
  return {
    'container-image-pull-policy':
      'IfNotPresent runs an image that was loaded into the nodes; one named by digest cannot be out of date',
    ...(components.includes('jobset')
      ? { 'networkpolicy-targets-pod': unseen, 'service-targets-pod': unseen }
      : {}),
  };
}

function goesWith(component: string, present: readonly string[]): boolean {
  const rivals = EXCLUSIVE.filter((group) => group.includes(component)).flat();
  return !present.some((other) => other === component || rivals.includes(other));
}

function combination(overlay: Overlay, ...components: string[]): Combination {
  return { name: [overlay, ...components].join('+'), overlay, components };
}
