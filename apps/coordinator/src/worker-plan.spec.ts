import { availableParallelism } from 'node:os';
import { CPU_SHAPE_PLAN, workerMemory, type ModelShape } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { planWorkers, visibleGpus, type WorkerSettings } from './worker-plan.ts';

const SHAPE: ModelShape = {
  layerCount: 4,
  hiddenSize: 64,
  intermediateSize: 160,
  headCount: 4,
  kvHeadCount: 4,
  headSize: 16,
  vocabSize: 320,
  mhaParameters: 16_448,
  mlpParameters: 30_784,
  totalParameters: 209_472,
};
/** More layers than any machine holds. */
const HUGE: ModelShape = { ...SHAPE, layerCount: 1e10 };
const CPU_MEMORY = workerMemory(SHAPE, CPU_SHAPE_PLAN, 128, { bytesPerWeight: 4 });

const plan = (settings: WorkerSettings = {}, shape = SHAPE) => planWorkers(settings, shape, 128);

/** With the GPUs that this text names, or none. */
function withGpus<T>(visible: string, run: () => T): T {
  const before = process.env.CUDA_VISIBLE_DEVICES;
  process.env.CUDA_VISIBLE_DEVICES = visible;
  try {
    return run();
  } finally {
    if (before === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
    else process.env.CUDA_VISIBLE_DEVICES = before;
  }
}

describe('planWorkers', () => {
  it('waits for a worker as long as it is told, or a quarter of an hour', () => {
    expect(plan({ workerTimeout: '90s' }).workerTimeoutMs).toBe(90_000);
    expect(plan().workerTimeoutMs).toBe(900_000);
  });

  it('starts as many workers as asked for, and awaits no others', () => {
    const { local, remote } = plan({ workers: 'local:2' });
    expect(local).toHaveLength(2);
    expect(remote).toBeNull();
  });

  it.each([1, 2, 3, 7, 256])('divides all cores among %i workers, a thread each at least', (count) => {
    const threads = plan({ workers: `local:${count}` }).local.map(({ maxThreads }) => maxThreads);
    const sum = threads.reduce((total, each) => total + each, 0);
    expect(sum).toBe(Math.max(count, availableParallelism()));
    expect(Math.max(...threads) - Math.min(...threads)).toBeLessThanOrEqual(1);
  });

  it('gives each worker the threads that were asked for', () => {
    expect(plan({ workers: 'local:2', threads: 5 })).toMatchObject({
      threads: 5,
      local: [{ maxThreads: 5 }, { maxThreads: 5 }],
    });
  });

  it('starts a worker a core or a GPU when nothing is asked for, and none when workers are to dial', () => {
    expect(plan().local).toHaveLength(visibleGpus() || availableParallelism());
    expect(plan({ listen: '127.0.0.1:50051' })).toMatchObject({ local: [], remote: { port: 50_051 } });
  });

  it.each([
    ['', []],
    ['-1', []],
    ['0', ['cuda:0']],
    ['2,5', ['cuda:0', 'cuda:1']],
  ])('takes the GPUs that CUDA_VISIBLE_DEVICES=%j leaves', (visible, gpus) => {
    const devices = withGpus(visible, () => plan().local.map(({ device }) => device));
    expect(devices).toEqual(gpus.length > 0 ? gpus : new Array(availableParallelism()).fill('cpu'));
  });

  it('shares weights between workers on the CPU, and only where there are several', () => {
    const shared = (workers: string, gpus = '') => withGpus(gpus, () => plan({ workers }).sharedWeights);
    expect([shared('local:1'), shared('local:2'), shared('local:2', '0,1')]).toEqual([false, true, false]);
  });

  it('starts as many workers as the memory holds, the weights of all counted once', () => {
    const own = CPU_MEMORY.totalBytes - CPU_MEMORY.weightBytes;
    const count = (bytes: number) => withGpus('', () => plan({ memoryLimit: String(bytes) }).local.length);
    expect(count(CPU_MEMORY.weightBytes + own)).toBe(1);
    expect(count(CPU_MEMORY.weightBytes + 2 * own - 1)).toBe(1);
    expect(count(CPU_MEMORY.weightBytes + 2 * own)).toBe(Math.min(2, availableParallelism()));
  });

  it('divides the memory: what is shared counts in full for each', () => {
    const limit = 2 ** 31;
    const each = (workers: string) =>
      withGpus('', () => plan({ workers, memoryLimit: '2GiB' }).memoryLimitBytes);
    expect(each('local:1')).toBe(limit);
    const { weightBytes } = CPU_MEMORY;
    expect(each('local:4')).toBe(Math.floor(weightBytes + (limit - weightBytes) / 4));
    expect(withGpus('0,1', () => plan({ memoryLimit: '2GiB' }).memoryLimitBytes)).toBe(limit / 2);
  });

  it('refuses a memory limit that is no size', () => {
    expect(() => plan({ memoryLimit: 'much' })).toThrow(
      '--memory-limit must be a size, e.g. 12GiB, 512MiB or a number of bytes; got "much"',
    );
  });

  it('refuses a memory limit that no worker can begin with', () => {
    const limited = (workers: string, memoryLimit: string) =>
      withGpus('', () => plan({ workers, memoryLimit }));
    expect(() => limited('local:1', '1KiB')).toThrow(
      '--memory-limit 1KiB leaves 1.00 KiB for each of 1 worker, and the least is 256 MiB: give more, or start fewer with --workers',
    );
    expect(() => limited('local:4', '512MiB')).toThrow(/for each of 4 workers, and the least is 256 MiB/);
    expect(limited('local:1', '256MiB').local).toHaveLength(1);
    expect(plan({ listen: '127.0.0.1:50051', memoryLimit: '1KiB' }).local).toHaveLength(0);
  });

  it('starts local workers beside those that dial when both are asked for', () => {
    const { local, remote } = plan({ workers: 'local:1', listen: '127.0.0.1:50051' });
    expect([local.length, remote?.port]).toEqual([1, 50_051]);
  });

  it('says how much memory a worker needs where there is not enough, unless the model is cut or it is asked for', () => {
    const outcome = (settings: WorkerSettings) => withGpus('', () => plan(settings, HUGE).local);
    expect(() => outcome({ stages: 1 })).toThrow(
      /^one worker needs about 1\.\d+ PiB of memory and [\d.]+ GiB are free; use a smaller model/,
    );
    expect(outcome({ stages: 'auto' })).toHaveLength(1);
    expect(outcome({ stages: 1, workers: 'local:1' })).toHaveLength(1);
  });
});
