import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tinyRows, writeTinyModel, type TinyModelSpec } from '@blockpruner/testkit';
import { ROOT, type TestCluster } from './cluster.ts';
import { ClusterRun } from './cluster-run.ts';
import type { Patch } from './kustomization.ts';
import type { Volume } from './volume.ts';

const run = promisify(execFile);
const BLOCKPRUNER = join(ROOT, 'apps/coordinator/bin/blockpruner');

/** Large enough that a run of it takes a minute on two cores: time to disturb it. */
const MODEL: TinyModelSpec = {
  modelType: 'llama',
  seed: 1,
  layerCount: 12,
  hiddenSize: 256,
  intermediateSize: 688,
  headCount: 4,
  kvHeadCount: 4,
  headSize: 64,
  vocabSize: 1024,
  tied: true,
  attentionBias: false,
  mlpBias: false,
  dtype: 'float32',
  shards: 1,
  ropeTheta: 10000,
  configStyle: 'old',
  normEpsilon: 1e-5,
};
const ROW_COUNT = 24;
const ROW_TOKENS = 256;
const SEARCH = ['--remove', '8', '--search', 'exhaustive'];

/** Runs for the real node: one model and its rows, and what a run without Kubernetes makes of them. */
export class RealRuns {
  /** `result.json` of the run without Kubernetes. */
  readonly reference: string;
  private readonly cluster: TestCluster;
  private readonly model: Volume;
  private runCount = 0;

  private constructor(cluster: TestCluster, model: Volume, reference: string) {
    this.cluster = cluster;
    this.model = model;
    this.reference = reference;
  }

  static async prepare(cluster: TestCluster): Promise<RealRuns> {
    const folder = join(cluster.volumeFolder, 'model');
    rmSync(cluster.volumeFolder, { recursive: true, force: true });
    mkdirSync(join(folder, 'tiny'), { recursive: true }); // where the overlay mounts its own model
    await writeTinyModel(join(folder, 'model'), MODEL);
    const rows = tinyRows(MODEL.vocabSize, MODEL.seed, Array<number>(ROW_COUNT).fill(ROW_TOKENS));
    writeFileSync(join(folder, 'rows.json'), JSON.stringify(rows.map((row) => [...row])));
    const output = join(cluster.volumeFolder, 'reference');
    const inputs = ['--model', join(folder, 'model'), '--calibration', join(folder, 'rows.json')];
    const env = { ...process.env, CUDA_VISIBLE_DEVICES: '' };
    await run(BLOCKPRUNER, ['prune', ...inputs, ...SEARCH, '--workers', 'local:2', '--output', output], {
      env,
    });
    const model = { name: 'blockpruner-test-model', folder, claim: 'blockpruner-model', isMade: false };
    return new RealRuns(cluster, model, readFileSync(join(output, 'result.json'), 'utf8'));
  }

  /** Has the overlay `local` run that search, as the cluster's users would have it run theirs. */
  start(name: string): Promise<ClusterRun> {
    const [remove, search] = [SEARCH[1], SEARCH[3]];
    const runYaml = `model: /models/model\ncalibration: /models/rows.json\nremove: ${remove}\nsearch: ${search}\noutput: /runs/current\n`;
    const settings = {
      target: { kind: 'ConfigMap', name: 'blockpruner-run' },
      patch: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'blockpruner-run' },
        data: { 'run.yaml': runYaml },
      },
    };
    const components = ['model-from-pvc'];
    const patches = [settings, ...this.onRealNode()];
    return ClusterRun.start({ name, overlay: 'local', components, patches }, this.runsVolume(), [this.model]);
  }

  /** Keeps pods off simulated nodes. */
  onRealNode(): Patch[] {
    return onNode(this.cluster.realNode);
  }

  /** A new, empty folder for runs. */
  runsVolume(): Volume {
    const folder = join(this.cluster.volumeFolder, `runs-${++this.runCount}`);
    return { name: 'blockpruner-test-runs', folder, claim: 'blockpruner-runs', isMade: true };
  }
}

/** @param label `name=value` */
export function onNode(label: string): Patch[] {
  const [name, value] = label.split('=');
  const spec = { template: { spec: { nodeSelector: { [name]: value } } } };
  return [
    ['batch/v1', 'Job', 'blockpruner-coordinator'],
    ['apps/v1', 'Deployment', 'blockpruner-worker'],
  ].map(([apiVersion, kind, of]) => ({
    target: { kind, name: of },
    patch: { apiVersion, kind, metadata: { name: of }, spec },
  }));
}

/** Builds an image of deploy/images, and gives it to the real node. */
export async function buildImage(cluster: TestCluster, tag: 'cpu' | 'gpu'): Promise<void> {
  const file = join(ROOT, `deploy/images/${tag}.Dockerfile`);
  const [command, ...args] = cluster.imageBuild.split(' ');
  await run(command, [...args, `blockpruner:${tag}`, ROOT, '-f', file], { maxBuffer: 2 ** 28 });
}
