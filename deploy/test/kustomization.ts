import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './cluster.ts';
import { kubectl } from './kubectl.ts';

/** A patch of kustomize. */
export interface Patch {
  readonly target: { readonly kind: string; readonly name?: string };
  readonly patch: object;
}

/** A patch of the pods of a component. @param spec what is laid over theirs */
export function podPatch(component: 'coordinator' | 'worker', spec: object): Patch {
  const [kind, apiVersion] = component === 'worker' ? ['Deployment', 'apps/v1'] : ['Job', 'batch/v1'];
  const name = `blockpruner-${component}`;
  const patch = { apiVersion, kind, metadata: { name }, spec: { template: { spec } } };
  return { target: { kind, name }, patch };
}

/** An overlay and the components that are laid on top of it, in this order, as a user combines them. */
export interface Combination {
  readonly name: string;
  readonly overlay: 'local' | 'gpu' | 'gpu-spot';
  readonly components: readonly string[];
  readonly patches?: readonly Patch[];
}

/** Kustomize takes paths from the kustomization only, and no absolute ones: so they are made inside the repository. */
const FOLDER = join(ROOT, '.cache/deploy-test');

/**
 * The objects of a combination as YAML documents.
 * @throws Error with what `kubectl kustomize` said, where it fails
 */
export function render(combination: Combination): Promise<string> {
  return kubectl(['kustomize', writeKustomization(combination)]);
}

/** @returns the folder of the kustomization */
function writeKustomization({ name, overlay, components, patches = [] }: Combination): string {
  const folder = join(FOLDER, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pathTo = (path: string): string => relative(folder, join(ROOT, 'deploy', path));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [pathTo(`overlays/${overlay}`)],
    components: components.map((component) => pathTo(`components/${component}`)),
    patches: patches.map(({ target, patch }) => ({ target, patch: JSON.stringify(patch) })),
  };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  return folder;
}
