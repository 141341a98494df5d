import { GPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { CHECKPOINT_CACHE, SMOLLM2_GGUF, tinyRows, waitFor } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { DEVICE } from './device.ts';
import { evaluate, type Round } from './evaluate.ts';
import { gpuMemoryUsedBytes } from './gpu-memory.ts';

const ROUNDS = 500;
const WARM_UP_ROUNDS = 100;
const SAMPLE_EVERY = 20;
const VOCABULARY = 49_152;
const MIB = 2 ** 20;
/** An arena that has seen every shape may still split its blocks in a new way; a leak of a megabyte a run is 400. */
const LARGEST_GROWTH_BYTES = 256 * MIB;

/** Lengths, candidates and rows change from round to round; with the plan's buckets, few shapes come of it. */
function mixedRounds(): Round[] {
  return Array.from({ length: ROUNDS }, (_, i) => {
    const tokens = 16 + ((i * 389) % 1000);
    const count = 1 + (i % 3);
    const first = (i * 7) % 40;
    return {
      rows: tinyRows(VOCABULARY, i, Array<number>(count).fill(tokens)).map((row) => [...row]),
      sweep: { base: [], candidates: [first, first + 5, first + 19], baseline: i % 2 === 0 },
      plan: { ...GPU_SHAPE_PLAN, microBatchRows: 1 + (i % 2) },
      isSampled: i >= WARM_UP_ROUNDS && (i % SAMPLE_EVERY === 0 || i === ROUNDS - 1),
    };
  });
}

it('takes no more memory after 500 runs of mixed shapes than after the first, and gives it back', async () => {
  const before = gpuMemoryUsedBytes();
  const model = { modelPath: SMOLLM2_GGUF, cacheFolder: CHECKPOINT_CACHE };
  const { memory } = await evaluate({ ...model, device: DEVICE, dtype: 'fp16', rounds: mixedRounds() });
  const total = memory.map(({ gpuBytes }) => gpuBytes.reduce((sum, bytes) => sum + bytes, 0));
  memory.forEach(({ round, hostBytes }, i) =>
    process.stdout.write(
      `  round ${round}: ${Math.round(total[i] / MIB)} MiB on GPUs, ${Math.round(hostBytes / MIB)} MiB here\n`,
    ),
  );
  expect(memory.length).toBeGreaterThan(10);
  expect(Math.max(...total) - total[0]).toBeLessThan(LARGEST_GROWTH_BYTES);
  expect(memory[memory.length - 1].hostBytes - memory[0].hostBytes).toBeLessThan(LARGEST_GROWTH_BYTES);
  await waitFor(() => gpuMemoryUsedBytes().every((bytes, i) => bytes - before[i] < 64 * MIB), {
    timeoutMs: 30_000,
  });
});
