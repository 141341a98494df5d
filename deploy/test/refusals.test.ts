import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CertificateAuthority,
  temporaryFolder,
  TINY_MODELS,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE, testCluster, type TestCluster } from './cluster.ts';
import { ClusterRun } from './cluster-run.ts';
import { eventually } from './eventually.ts';
import { apply, kubectl, list, tryKubectl, type KubernetesObject } from './kubectl.ts';
import { podPatch, type Patch } from './kustomization.ts';
import { buildImage, onNode } from './real-run.ts';
import type { Volume } from './volume.ts';

const WORKER = 'app.kubernetes.io/component=worker';

interface WorkerPod extends KubernetesObject {
  readonly status: {
    readonly containerStatuses?: readonly { readonly ready: boolean; readonly restartCount: number }[];
  };
}

/** Variables of a component's container, beside those that it has. */
function environment(component: 'coordinator' | 'worker', values: Record<string, string>): Patch {
  const env = Object.entries(values).map(([name, value]) => ({ name, value }));
  return podPatch(component, { containers: [{ name: component, env }] });
}

/** Files of a small model, in base64 by name. */
async function modelOfAnotherSeed(folder: string): Promise<Record<string, string>> {
  const path = join(folder, 'other-model');
  await writeTinyModel(path, { ...TINY_MODELS['llama-mha-tied'], seed: 4711 });
  return Object.fromEntries(
    readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'base64')]),
  );
}

describe('a worker that cannot work', { timeout: 600_000 }, () => {
  let cluster: TestCluster;
  let folder: TemporaryFolder;
  let run: ClusterRun | undefined;

  const start = async (
    name: string,
    patches: readonly Patch[],
    components: string[] = [],
  ): Promise<ClusterRun> => {
    const runs: Volume = {
      name: 'blockpruner-test-runs',
      folder: join(cluster.volumeFolder, name),
      claim: 'blockpruner-runs',
      isMade: true,
    };
    const combination = {
      name,
      overlay: 'local' as const,
      components,
      patches: [...onNode(cluster.realNode), ...patches],
    };
    return (run = await ClusterRun.start(combination, runs));
  };
  const workers = (): Promise<WorkerPod[]> => list<WorkerPod>(['pods', '-n', NAMESPACE, '-l', WORKER]);
  /** Its log says why in one line, it is not ready, and nobody starts it again and again. */
  const expectSaid = async (reason: RegExp): Promise<void> => {
    const [pod] = await workers();
    const linesOfReason = async (): Promise<string[]> => {
      const { stdout } = await tryKubectl(['logs', '-n', NAMESPACE, pod.metadata.name]); // none while it is started
      const lines = stdout.split('\n').filter((line) => line !== '');
      return lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 40 && reason.test(line));
    };
    await eventually(async () => (await linesOfReason()).length > 0);
    for (const { status } of await workers()) {
      expect(status.containerStatuses?.[0]).toMatchObject({ ready: false, restartCount: 0 });
    }
    const ask = "fetch('http://127.0.0.1:9464/readyz').then((answer) => answer.text()).then(console.log)";
    const exec = ['exec', '-n', NAMESPACE, pod.metadata.name, '--', 'node', '-e', ask];
    await eventually(async () => reason.test(await kubectl(exec))); // an attempt may be under way
  };

  beforeAll(async () => {
    cluster = testCluster(process.env);
    folder = temporaryFolder();
    mkdirSync(cluster.volumeFolder, { recursive: true });
    await buildImage(cluster);
  }, 1_200_000);
  afterEach(async () => {
    await run?.remove();
    run = undefined;
  }, 300_000);
  afterAll(() => folder.remove());

  it('has nobody to dial', async () => {
    await start('unreachable', [environment('worker', { BLOCKPRUNER_CONNECT: 'nobody.invalid:50051' })]);
    await expectSaid(/nobody\.invalid:50051/);
  });

  it('has a wrong token, and works once it has the right one', async () => {
    const token = (value: string): Promise<void> =>
      apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'test-token', namespace: NAMESPACE },
        stringData: { token: value },
      });
    const mount = podPatch('worker', {
      containers: [{ name: 'worker', volumeMounts: [{ name: 'test-token', mountPath: '/etc/test-token' }] }],
      volumes: [{ name: 'test-token', secret: { secretName: 'test-token' } }],
    });
    const wrong = await start('wrong-token', [
      mount,
      environment('worker', { BLOCKPRUNER_TOKEN_FILE: '/etc/test-token/token' }),
      environment('coordinator', { BLOCKPRUNER_TOKEN: 'the-right-token-of-this-test' }),
    ]);
    await token('a-wrong-token-for-this-test');
    await expectSaid(/does not accept this token/);
    await token('the-right-token-of-this-test');
    await wrong.finishes();
    expect((await workers()).map(({ status }) => status.containerStatuses?.[0].restartCount)).toEqual([0, 0]);
  });

  it('meets a certificate of an authority that it does not know', async () => {
    const [known, other] = [new CertificateAuthority('known'), new CertificateAuthority('other')];
    const names = ['blockpruner-coordinator', 'localhost'];
    const secretOf = (name: string, authority: CertificateAuthority, ca: CertificateAuthority) => {
      const { certFile, keyFile } = authority.issue(folder.path, name, { names });
      return {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/tls',
        metadata: { name, namespace: NAMESPACE },
        stringData: {
          'tls.crt': readFileSync(certFile, 'utf8'),
          'tls.key': readFileSync(keyFile, 'utf8'),
          'ca.crt': ca.pem,
        },
      };
    };
    await start('wrong-certificate', [], ['tls']);
    await apply(
      secretOf('blockpruner-coordinator-tls', other, known),
      secretOf('blockpruner-worker-tls', known, known),
    );
    await expectSaid(/its certificate is of no authority in/);
  });

  it('sees another model than the coordinator', async () => {
    const other = podPatch('worker', {
      volumes: [{ name: 'tiny-model', configMap: { name: 'other-model' } }],
    });
    await start('wrong-model', [other]);
    const binaryData = await modelOfAnotherSeed(folder.path);
    await kubectl(
      ['create', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'other-model', namespace: NAMESPACE },
        binaryData,
      }),
    );
    await expectSaid(/is another model here/);
  });
});
