import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAMESPACE } from './cluster.ts';
import { eventually } from './eventually.ts';
import { kubectl, list, tryKubectl, type KubernetesObject } from './kubectl.ts';
import { render, type Combination } from './kustomization.ts';
import { PodWatch } from './pod-watch.ts';
import { makeVolume, removeVolumes, type Volume } from './volume.ts';

const COORDINATOR = 'job/blockpruner-coordinator';
const WORKERS = 'deployment/blockpruner-worker';
/** Where the run folder lies in the volume of runs. */
const RUN = 'current';
const RUN_MS = 900_000;

interface Job extends KubernetesObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

/**
 * A run on the cluster: a combination that was applied, with a volume for its run folder that this machine sees.
 *
 * Invariants:
 * 1. The namespace is this run's alone, and gone when `remove` resolves, with its volumes.
 */
export class ClusterRun {
  readonly watch = new PodWatch();
  private readonly manifests: string;
  private readonly runs: Volume;
  private readonly volumes: readonly Volume[];

  private constructor(manifests: string, runs: Volume, others: readonly Volume[]) {
    this.manifests = manifests;
    this.runs = runs;
    this.volumes = [runs, ...others];
  }

  /** @param others volumes for the claims of components */
  static async start(
    combination: Combination,
    runs: Volume,
    others: readonly Volume[] = [],
  ): Promise<ClusterRun> {
    await removeNamespace();
    for (const volume of [runs, ...others]) await makeVolume(volume);
    const manifests = await render(combination);
    await kubectl(['create', 'namespace', NAMESPACE]);
    const run = new ClusterRun(manifests, runs, others);
    await run.applyAgain();
    return run;
  }

  /** What is there already stays as it is. */
  async applyAgain(): Promise<void> {
    await kubectl(['apply', '-f', '-'], this.manifests);
  }

  /** The run folder's file, as it is now; undefined where it is not there. */
  file(name: string): string | undefined {
    try {
      return readFileSync(join(this.runs.folder, RUN, name), 'utf8');
    } catch {
      return undefined;
    }
  }

  /** Decisions that are in the run folder. */
  get decisionCount(): number {
    return (this.file('iterations.jsonl') ?? '').split('\n').length - 1;
  }

  async decides(count: number): Promise<void> {
    await eventually(() => this.decisionCount >= count);
  }

  /** Waits until so many workers are ready. */
  async workersReady(count: number): Promise<void> {
    const ready = async (): Promise<number> => {
      const text = await kubectl(['get', WORKERS, '-n', NAMESPACE, '-o', 'jsonpath={.status.readyReplicas}']);
      return Number(text);
    };
    await eventually(async () => (await ready()) === count);
  }

  async scale(replicas: number): Promise<void> {
    await kubectl(['scale', WORKERS, '-n', NAMESPACE, `--replicas=${replicas}`]);
  }

  /** Names of the pods of a component that are there and not about to go. */
  async pods(component: 'coordinator' | 'worker'): Promise<string[]> {
    const labels = `app.kubernetes.io/component=${component}`;
    const pods = await list(['pods', '-n', NAMESPACE, '-l', labels]);
    return pods.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name] : []));
  }

  /** Waits for the Job's end. @throws Error with its log where it failed */
  async finishes(): Promise<void> {
    let ended: string | undefined;
    await eventually(async () => {
      const job = JSON.parse(await kubectl(['get', COORDINATOR, '-n', NAMESPACE, '-o', 'json'])) as Job;
      ended = job.status?.conditions?.find(
        ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
      )?.type;
      return ended !== undefined;
    }, RUN_MS);
    if (ended !== 'Complete') throw new Error(`the Job is ${ended}:\n${await this.logs(COORDINATOR)}`);
  }

  logs(of: string): Promise<string> {
    return tryKubectl(['logs', '-n', NAMESPACE, of, '--tail=50']).then(({ stdout }) => stdout);
  }

  /** (1) */
  async remove(): Promise<void> {
    this.watch.stop();
    await removeNamespace();
    await removeVolumes(this.volumes);
  }
}

export async function removeNamespace(): Promise<void> {
  await tryKubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=true', '--timeout=110s']);
}
