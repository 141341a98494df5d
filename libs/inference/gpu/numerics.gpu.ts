import { GPU_SHAPE_PLAN } from '@blockpruner/blocks';
import {
  CHECKPOINT_CACHE,
  smollm2Golden,
  SMOLLM2_GGUF,
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
  type TinyModelName,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEVICE } from './device.ts';
import { evaluate, largestDifference, rowMeans, type Round } from './evaluate.ts';
import { withoutCudnn } from './without-cudnn.ts';

const NO_TF32 = { ...process.env, NVIDIA_TF32_OVERRIDE: '0' };

/**
 * Nats of a row's mean. fp32 sums in another order; TF32 products have the 10 fraction bits of fp16, in the head too;
 * PyTorch with the same values rounded in the same places gave up to 2.5e-3 (fp16) and 1.9e-2 (bf16) on the tiny
 * models. What a tiny model is there for shows at 0.07 nats or more.
 */
const TOLERANCES = [
  { dtype: 'fp32', label: 'fp32 without TF32', environment: NO_TF32, nats: 5e-5 },
  { dtype: 'fp32', label: 'fp32 with TF32', environment: process.env, nats: 1e-2 },
  { dtype: 'fp16', label: 'fp16', environment: process.env, nats: 1e-2 },
  { dtype: 'bf16', label: 'bf16', environment: process.env, nats: 5e-2 },
] as const;

const plans = {
  'segments of 16': GPU_SHAPE_PLAN,
  'a candidate a run': { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 64, rowBucketTokens: 1 },
  'two rows a run': { microBatchRows: 2, segmentCandidates: 3, headChunkTokens: 100, rowBucketTokens: 32 },
};

async function largestDifferences(
  model: { modelPath: string; cacheFolder: string },
  round: Omit<Round, 'plan'>,
): Promise<Map<string, number>> {
  const cpuRound = { ...round, plan: plans['a candidate a run'], hasCells: true };
  const cpu = await evaluate({ ...model, device: 'cpu', dtype: 'fp32', rounds: [cpuRound] });
  const expected = rowMeans(cpu.rounds[0], cpuRound);
  const differences = new Map<string, number>();
  for (const { dtype, label, environment } of TOLERANCES) {
    const rounds = Object.values(plans).map((plan) => ({ ...round, plan, hasCells: true }));
    const gpu = await evaluate({ ...model, device: DEVICE, dtype, rounds }, environment);
    const each = gpu.rounds.map((result, i) => largestDifference(rowMeans(result, rounds[i]), expected));
    differences.set(label, Math.max(...each));
    process.stdout.write(
      `  ${label}: ${each.map((nats, i) => `${nats.toExponential(2)} (${Object.keys(plans)[i]})`).join(', ')}\n`,
    );
  }
  return differences;
}

function expectWithinTolerance(differences: ReadonlyMap<string, number>): void {
  for (const { label, nats } of TOLERANCES) {
    expect(differences.get(label), label).toBeLessThan(nats);
  }
}

describe.each(Object.keys(TINY_MODELS) as TinyModelName[])('%s on a GPU', (name) => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
  });
  afterAll(() => folder.remove());

  it('gives the row means of the CPU for every candidate, in each dtype and shape plan', async () => {
    process.stdout.write(`${name}: largest difference to fp32 on the CPU, nats\n`);
    const rows = tinyReferenceRows(name).map((row) => [...row]);
    const sweep = { base: [2], candidates: [0, 1, 3, 4, 5, 6, 7], baseline: true };
    const model = { modelPath: folder.path, cacheFolder: folder.path };
    expectWithinTolerance(await largestDifferences(model, { rows, sweep }));
  });
});

describe('SmolLM2 on a GPU', () => {
  it('gives the row means of the CPU, in each dtype and shape plan', async () => {
    process.stdout.write('SmolLM2: largest difference to fp32 on the CPU, nats\n');
    const rows = smollm2Golden().token_ids.slice(0, 2);
    const sweep = { base: [17, 34], candidates: [0, 13, 33, 40, 59], baseline: true };
    const model = { modelPath: SMOLLM2_GGUF, cacheFolder: CHECKPOINT_CACHE };
    expectWithinTolerance(await largestDifferences(model, { rows, sweep }));
  });

  it('gives the same bits twice, in one process and in another', async () => {
    const rows = smollm2Golden().token_ids.slice(0, 1);
    const sweep = { base: [], candidates: [0, 20, 41], baseline: true };
    const round = { rows, sweep, plan: GPU_SHAPE_PLAN, hasCells: true };
    const model = { modelPath: SMOLLM2_GGUF, cacheFolder: CHECKPOINT_CACHE };
    const request = { ...model, device: DEVICE, dtype: 'fp16', rounds: [round, round] } as const;
    const [first, second] = [await evaluate(request), await evaluate(request)];
    expect(first.rounds[1].cells).toEqual(first.rounds[0].cells);
    expect(second.rounds[0].cells).toEqual(first.rounds[0].cells);
  });

  it('needs no cuDNN', async () => {
    const rows = smollm2Golden().token_ids.slice(0, 1);
    const sweep = { base: [], candidates: [3], baseline: true };
    const round = { rows, sweep, plan: GPU_SHAPE_PLAN, hasCells: true };
    const model = { modelPath: SMOLLM2_GGUF, cacheFolder: CHECKPOINT_CACHE };
    const request = { ...model, device: DEVICE, dtype: 'fp16', rounds: [round] } as const;
    const hidden = withoutCudnn(process.env);
    process.stdout.write(
      `  cuDNN ${hidden.isHidden ? 'is hidden' : 'cannot be hidden from the loader here'}\n`,
    );
    const [without, as] = [await evaluate(request, hidden.environment), await evaluate(request)];
    hidden.remove();
    const difference = largestDifference(rowMeans(without.rounds[0], round), rowMeans(as.rounds[0], round));
    expect(difference).toBeLessThan(1e-2);
  });
});
