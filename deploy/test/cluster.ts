import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the repository. */
export const ROOT = join(import.meta.dirname, '../..');
export const NAMESPACE = 'blockpruner';

/** What the tests need to know of the cluster that they are given. */
export interface TestCluster {
  /** Command that builds an image and gives it to the nodes: `COMMAND NAME:TAG CONTEXT -f DOCKERFILE`. */
  readonly imageBuild: string;
  /** A folder that this machine and the real node see at one path: volumes are made in it. */
  readonly volumeFolder: string;
  /** Label of the real node, as `name=value`: pods that are to run for real go there. */
  readonly realNode: string;
  /** Schemas for kubeconform, as its `-schema-location`. */
  readonly schemaLocations: readonly string[];
}

const USAGE = `npm run test:k8s tests the manifests on a cluster that runs on this machine:
  KUBECONFIG            its administrator
  K8S_IMAGE_BUILD       a command that builds an image and gives it to the node: COMMAND NAME:TAG CONTEXT -f DOCKERFILE
  K8S_VOLUME_FOLDER     a folder that the node sees at the same path as this machine
  K8S_REAL_NODE         label of the node that runs pods, e.g. kubernetes.io/hostname=kind-control-plane
  K8S_SCHEMAS           optional: -schema-location of kubeconform; several are separated by commas
kwok must manage the nodes annotated kwok.x-k8s.io/node=fake, the CRDs of KEDA, cert-manager, the Prometheus operator
and JobSet must be installed, and kubectl, kubeconform, kube-score, prometheus and promtool be on the PATH.`;

/** @throws Error that says what is missing and how the tests are started */
export function testCluster(environment: NodeJS.ProcessEnv): TestCluster {
  const need = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === '') throw new Error(`${name} is not set\n\n${USAGE}`);
    return value;
  };
  const kubeconfig = need('KUBECONFIG');
  if (!existsSync(kubeconfig))
    throw new Error(`KUBECONFIG names ${kubeconfig}, which is not there\n\n${USAGE}`);
  return {
    imageBuild: need('K8S_IMAGE_BUILD'),
    volumeFolder: need('K8S_VOLUME_FOLDER'),
    realNode: need('K8S_REAL_NODE'),
    schemaLocations: (environment.K8S_SCHEMAS ?? 'default').split(','),
  };
}
