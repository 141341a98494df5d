import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE, testCluster } from './cluster.ts';
import { removeNamespace } from './cluster-run.ts';
import { COMBINATIONS, ignoredScores } from './combinations.ts';
import { apply, kubectl } from './kubectl.ts';
import { render, type Combination } from './kustomization.ts';

const run = promisify(execFile);
const KUBERNETES = '1.34.0';

describe('the manifests', () => {
  const cluster = testCluster(process.env);
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = temporaryFolder();
    await removeNamespace();
    // A dry run makes no namespace, and wants one. This is how the manifests make theirs.
    const labels = {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } });
  }, 200_000);
  afterAll(async () => {
    await removeNamespace();
    folder.remove();
  }, 200_000);

  const rendered = async (combination: Combination): Promise<string> => {
    const file = join(folder.path, `${combination.name}.yaml`);
    writeFileSync(file, await render(combination));
    return file;
  };

  it.each(COMBINATIONS)('of $name have no field that the schemas do not know', async (combination) => {
    const locations = cluster.schemaLocations.flatMap((location) => ['-schema-location', location]);
    await run('kubeconform', [
      '-strict',
      '-kubernetes-version',
      KUBERNETES,
      ...locations,
      await rendered(combination),
    ]);
  });

  it.each(COMBINATIONS)('of $name have no critical finding of kube-score', async (combination) => {
    const ignored = Object.keys(ignoredScores(combination)).flatMap((test) => ['--ignore-test', test]);
    const args = ['score', '--kubernetes-version', 'v1.34', '--output-format', 'ci', ...ignored];
    const { stdout } = await run('kube-score', [...args, await rendered(combination)]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout.split('\n').filter((line) => line.startsWith('[CRITICAL]'))).toEqual([]);
    expect(stdout).toContain('[OK]');
  });

  it.each(COMBINATIONS)('of $name pass the strict dry run of the apiserver', async (combination) => {
    const dryRun = ['apply', '--dry-run=server', '--validate=strict', '-f', await rendered(combination)];
    expect(await kubectl(dryRun)).toContain('(server dry run)');
  });

  it('refuse a pod that Pod Security would not admit', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'privileged', namespace: NAMESPACE },
      spec: { containers: [{ name: 'c', image: 'blockpruner:cpu', securityContext: { privileged: true } }] },
    };
    const refused = kubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify(pod));
    await expect(refused).rejects.toThrow(/violates PodSecurity "restricted/);
  });
});
