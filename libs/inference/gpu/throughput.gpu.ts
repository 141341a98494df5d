import { GPU_SHAPE_PLAN, sweepFlops, type ModelShape, type Sweep } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import {
  CHECKPOINT_CACHE,
  SMOLLM2_GGUF,
  temporaryFolder,
  TINY_MODELS,
  tinyRows,
  writeTinyModel,
} from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { gpuInfo } from '../src/gpu-info.ts';
import { bf16Peak } from './bf16-peak.ts';
import { DEVICE } from './device.ts';
import { evaluate } from './evaluate.ts';

/** Positions that predict fill the plan's bucket of 256: nothing is padded. */
const ROW_TOKENS = 513;
const ROWS = 4;
const PLANS = [
  { ...GPU_SHAPE_PLAN, segmentCandidates: 8 },
  GPU_SHAPE_PLAN,
  { ...GPU_SHAPE_PLAN, segmentCandidates: 8, microBatchRows: 4 },
  { ...GPU_SHAPE_PLAN, microBatchRows: 4 },
];

/** Llama's proportions at half a billion parameters; random weights take the time that trained ones do. */
const LARGER = {
  ...TINY_MODELS['llama-gqa-untied'],
  layerCount: 8,
  hiddenSize: 2048,
  intermediateSize: 5632,
  headCount: 32,
  kvHeadCount: 8,
  headSize: 64,
  vocabSize: 32_000,
  dtype: 'bfloat16',
  shards: 8,
} as const;

async function measure(title: string, modelPath: string, cacheFolder: string): Promise<number> {
  const { shape } = await openCheckpoint(modelPath, { cacheFolder });
  const sweep = denseSweep(shape);
  const rows = tinyRows(shape.vocabSize, 1, Array<number>(ROWS).fill(ROW_TOKENS)).map((row) => [...row]);
  const flops = ROWS * sweepFlops(shape, sweep, ROW_TOKENS);
  const gpu = gpuInfo(0, process.env.CUDA_VISIBLE_DEVICES);
  const peak = gpu && bf16Peak(gpu.name);
  let best = 0;
  for (const dtype of ['fp32', 'fp16', 'bf16'] as const) {
    for (const plan of PLANS) {
      // The first round sees each shape for the first time.
      const rounds = [0, 1, 2].map(() => ({ rows, sweep, plan }));
      const report = await evaluate({ modelPath, cacheFolder, device: DEVICE, dtype, rounds });
      const seconds = Math.min(...report.rounds.slice(1).map((round) => round.seconds));
      const tokens = ROWS * (ROW_TOKENS - 1) * (sweep.candidates.length + 1);
      const share = peak ? `${((100 * flops) / seconds / peak.flopsPerSecond).toFixed(1)} % of` : 'against';
      const nominal = peak
        ? `${(peak.flopsPerSecond / 1e12).toFixed(0)} TFLOP/s (nominal dense bf16, ${peak.source})`
        : `an unknown peak: ${gpu?.name ?? 'this device'} is not in the table`;
      process.stdout.write(
        `${title} ${dtype}, ${plan.segmentCandidates} candidates x ${plan.microBatchRows} rows: ${Math.round(tokens / seconds)} candidate tokens/s, ${(flops / seconds / 1e12).toFixed(2)} TFLOP/s, ${share} ${nominal}\n`,
      );
      best = Math.max(best, tokens / seconds);
    }
  }
  return best;
}

/** The first iteration of an exhaustive search. */
function denseSweep({ layerCount }: ModelShape): Sweep {
  return {
    base: [],
    candidates: Array.from({ length: 2 * layerCount }, (_, block) => block),
    baseline: true,
  };
}

it('measures a sweep of SmolLM2', async () => {
  expect(await measure('SmolLM2', SMOLLM2_GGUF, CHECKPOINT_CACHE)).toBeGreaterThan(0);
});

it('measures a sweep of a larger random model', async () => {
  const folder = temporaryFolder();
  await writeTinyModel(folder.path, LARGER);
  expect(await measure('half a billion parameters', folder.path, folder.path)).toBeGreaterThan(0);
  folder.remove();
});
