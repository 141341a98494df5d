import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TINY_MODELS, tinyRows, writeTinyModel, type TinyModelSpec } from '@blockpruner/testkit';
import { ROOT, type TestCluster } from './cluster.ts';
import { ClusterRun } from './cluster-run.ts';
import { podPatch, type Patch } from './kustomization.ts';
import type { Volume } from './volume.ts';

const run = promisify(execFile);
const BLOCKPRUNER = join(ROOT, 'apps/coordinator/bin/blockpruner');

/** Large enough that a run of it takes a minute on two cores: time to disturb it. */
const MODEL: TinyModelSpec = {
  ...TINY_MODELS['llama-mha-tied'],
  layerCount: 12,
  hiddenSize: 256,
  intermediateSize: 688,
  headSize: 64,
  vocabSize: 1024,
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
    mkdirSync(folder, { recursive: true });
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
    const patches = [settings, ...onNode(this.cluster.realNode)];
    return ClusterRun.start({ name, overlay: 'local', components, patches }, this.runsVolume(), [this.model]);
  }

  /** A new, empty folder for runs. */
  private runsVolume(): Volume {
    const folder = join(this.cluster.volumeFolder, `runs-${++this.runCount}`);
    return { name: 'blockpruner-test-runs', folder, claim: 'blockpruner-runs', isMade: true };
  }
}

/** Keeps pods off other nodes. @param label `name=value` */
export function onNode(label: string): Patch[] {
  const [name, value] = label.split('=');
  const spec = { nodeSelector: { [name]: value } };
  return [podPatch('coordinator', spec), podPatch('worker', spec)];
}

/** Builds the image for CPUs, and gives it to the real node. */
export async function buildImage({ imageBuild }: TestCluster): Promise<void> {
  const file = join(ROOT, 'deploy/images/cpu.Dockerfile');
  const [command, ...args] = imageBuild.split(' ');
  await run(command, [...args, 'blockpruner:cpu', ROOT, '-f', file], { maxBuffer: 2 ** 28 });
}
