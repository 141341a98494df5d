import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { NAMESPACE } from './cluster.ts';
import { apply, tryKubectl } from './kubectl.ts';

/** A folder of this machine as the volume of a claim. */
export interface Volume {
  readonly name: string;
  readonly folder: string;
  /** The claim it is kept for. */
  readonly claim: string;
  /** Whether the folder is made anew, empty and open to the pods' user; one that is only read, or never mounted, is left alone. */
  readonly isMade: boolean;
}

/** Makes a PersistentVolume of the folder, in place of one of that name. */
export async function makeVolume(volume: Volume): Promise<void> {
  const { name, folder, claim, isMade } = volume;
  if (isMade) {
    rmSync(folder, { recursive: true, force: true }); // of an earlier run of the tests
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
  }
  await removeVolumes([volume]);
  await apply({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Ti' },
      accessModes: ['ReadWriteOnce', 'ReadWriteMany', 'ReadOnlyMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: folder },
      claimRef: { namespace: NAMESPACE, name: claim },
    },
  });
}

export async function removeVolumes(volumes: readonly Volume[]): Promise<void> {
  for (const { name } of volumes) {
    await tryKubectl(['delete', 'pv', name, '--ignore-not-found', '--wait=true', '--timeout=60s']);
  }
}
