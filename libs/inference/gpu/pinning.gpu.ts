import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  waitFor,
  writeTinyModel,
} from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { cudaFacts } from '../src/cuda-facts.ts';
import { explainCudaFailure } from '../src/cuda-failure.ts';
import { evaluate } from './evaluate.ts';
import { gpuMemoryUsedBytes } from './gpu-memory.ts';

const MIB = 2 ** 20;
/** A CUDA context with cuBLAS takes 200 MiB and more; what a driver does for itself stays far below. */
const CONTEXT_BYTES = 100 * MIB;

const name = 'llama-mha-tied';
const rows = tinyReferenceRows(name).map((row) => [...row]);
const round = {
  rows,
  sweep: { base: [], candidates: [3], baseline: true },
  plan: CPU_SHAPE_PLAN,
  isSampled: true,
};

/** Indices count as in nvidia-smi where CUDA_DEVICE_ORDER says so, and CUDA_VISIBLE_DEVICES hides nothing. */
const environment = { ...process.env, CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: undefined };

it('uses the GPU of its number, and no other', async () => {
  const folder = temporaryFolder();
  await writeTinyModel(folder.path, TINY_MODELS[name]);
  const model = { modelPath: folder.path, cacheFolder: folder.path, dtype: 'fp16', rounds: [round] } as const;
  const before = gpuMemoryUsedBytes();
  for (const index of before.keys()) {
    const { memory } = await evaluate({ ...model, device: `cuda:${index}` }, environment);
    const grown = memory[0].gpuBytes.flatMap((bytes, i) => (bytes - before[i] > CONTEXT_BYTES ? [i] : []));
    expect(grown, `cuda:${index}`).toEqual([index]);
    await waitFor(() => gpuMemoryUsedBytes().every((bytes, i) => bytes - before[i] < CONTEXT_BYTES), {
      timeoutMs: 30_000,
    });
  }
  folder.remove();
});

it('says which numbers there are when it is given one too high', async () => {
  const folder = temporaryFolder();
  await writeTinyModel(folder.path, TINY_MODELS[name]);
  const device = `cuda:${gpuMemoryUsedBytes().length}`;
  const request = { modelPath: folder.path, cacheFolder: folder.path, device, rounds: [round] };
  const failure = await evaluate({ ...request, dtype: 'fp16' }, environment).then(
    () => 'no failure',
    (error: Error) => explainCudaFailure(error.message, cudaFacts()),
  );
  expect(failure).toMatch(/no GPU has that number/);
  folder.remove();
});

it('leaves nothing on the GPU when it is killed in the middle of its work', async () => {
  const folder = temporaryFolder();
  await writeTinyModel(folder.path, TINY_MODELS[name]);
  const before = gpuMemoryUsedBytes();
  const isHeld = (): boolean => gpuMemoryUsedBytes().some((bytes, i) => bytes - before[i] > CONTEXT_BYTES);
  const kill = new AbortController();
  const rounds = [{ ...round, rows: Array<number[]>(20_000).fill(rows[4]), isSampled: false }];
  const request = { modelPath: folder.path, cacheFolder: folder.path, device: 'cuda:0', rounds };
  const ended = evaluate({ ...request, dtype: 'fp16' }, process.env, kill.signal).catch(String);
  await waitFor(isHeld, { timeoutMs: 120_000 });
  kill.abort();
  expect(await ended).toContain('SIGKILL');
  await waitFor(() => !isHeld(), { timeoutMs: 30_000 });
  folder.remove();
});
