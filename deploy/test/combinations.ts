/** Every overlay alone and with the components it is meant for, to be checked where there is kubectl. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const DEPLOY = realpathSync(join(import.meta.dirname, '..'));

/** An overlay and the components that are laid on top of it, in this order. */
export interface Combination {
  readonly name: string;
  readonly overlay: 'local' | 'gpu' | 'gpu-spot';
  readonly components: readonly string[];
}

export const COMBINATIONS: readonly Combination[] = [
  combination('local'),
  combination('local', 'tls'),
  combination('local', 'monitoring'),
  combination('local', 'hpa'),
  combination('local', 'model-from-pvc'),
  combination('local', 'model-from-coordinator'),
  combination('local', 'tls', 'monitoring', 'jobset'),
  combination('gpu'),
  combination('gpu', 'tls', 'monitoring'),
  combination('gpu', 'monitoring', 'keda'),
  combination('gpu', 'monitoring', 'hpa'),
  combination('gpu', 'jobset'),
  combination('gpu', 'tls', 'monitoring', 'jobset'),
  combination('gpu-spot'),
  combination('gpu-spot', 'tls'),
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

function combination(overlay: Combination['overlay'], ...components: string[]): Combination {
  return { name: [overlay, ...components].join('+'), overlay, components };
}

/** Writes a kustomization of the combination into a folder, which is made; its paths are relative to that folder. */
export function writeKustomization({ overlay, components }: Combination, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const from = realpathSync(folder);
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: 'blockpruner',
    resources: [relative(from, join(DEPLOY, 'overlays', overlay))],
    components: components.map((component) => relative(from, join(DEPLOY, 'components', component))),
  };
  writeFileSync(join(folder, 'kustomization.yaml'), `${JSON.stringify(kustomization, null, 2)}\n`);
}

/**
 * The manifests of a combination as YAML documents.
 * @throws Error with what `kubectl kustomize` said, where it fails
 */
export function render(combination: Combination, folder: string): string {
  writeKustomization(combination, folder);
  return execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8', maxBuffer: 2 ** 24 });
}
