import { availableParallelism } from 'node:os';
import type { ModelShape } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { planWorkers, visibleGpus } from './worker-plan.ts';

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
/** A thousand times the parameters of the largest models there are. */
const HUGE: ModelShape = { ...SHAPE, totalParameters: 1e15 };

const plan = (workers?: string, listen?: string, shape = SHAPE) => planWorkers(workers, listen, shape, 128);

describe('planWorkers', () => {
  it('starts as many workers as asked for, sharing the cores, on a port of this machine alone', () => {
    const { devices, threads, listenHost, listenPort, remote } = plan('local:2');
    expect(devices).toHaveLength(2);
    expect(threads).toBe(Math.max(1, Math.floor(availableParallelism() / 2)));
    expect({ listenHost, listenPort, remote }).toEqual({
      listenHost: '127.0.0.1',
      listenPort: 0,
      remote: false,
    });
  });

  it('gives every worker a thread where there are more workers than cores', () => {
    expect(plan('local:256')).toMatchObject({ threads: 1 });
  });

  it('starts a worker a core or a GPU when nothing is asked for, and none when workers are to dial', () => {
    expect(plan().devices).toHaveLength(visibleGpus() || availableParallelism());
    expect(plan(undefined, '0.0.0.0:50051')).toMatchObject({ devices: [], remote: true });
  });

  it.each([
    ['', []],
    ['-1', []],
    ['0', ['cuda:0']],
    ['2,5', ['cuda:0', 'cuda:1']],
  ])('takes the GPUs that CUDA_VISIBLE_DEVICES=%j leaves', (visible, gpus) => {
    const before = process.env.CUDA_VISIBLE_DEVICES;
    process.env.CUDA_VISIBLE_DEVICES = visible;
    const { devices } = plan();
    if (before === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
    else process.env.CUDA_VISIBLE_DEVICES = before;
    expect(devices).toEqual(gpus.length > 0 ? gpus : new Array(availableParallelism()).fill('cpu'));
  });

  it('starts local workers beside those that dial when both are asked for', () => {
    const { devices, remote } = plan('local:1', '0.0.0.0:50051');
    expect([devices.length, remote]).toEqual([1, true]);
  });

  it.each([
    ['0.0.0.0:50051', '0.0.0.0', 50051],
    ['50051', '0.0.0.0', 50051],
    ['coordinator.example:1', 'coordinator.example', 1],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]:65535', '::1', 65535],
  ])('listens on %s', (listen, listenHost, listenPort) => {
    expect(plan(undefined, listen)).toMatchObject({ listenHost, listenPort });
  });

  it.each(['', ':', 'here', 'here:', 'here:65536', '::1:5', 'a:b:5', 'http://here:5', 'here:-1', 'here: 5'])(
    'does not listen on %j',
    (listen) => {
      expect(() => plan(undefined, listen)).toThrow(
        `--listen must be host:port, e.g. 0.0.0.0:50051, or a port alone; got "${listen}"`,
      );
    },
  );

  it('says how much memory a worker needs where a core has not enough, and tries what is asked for', () => {
    const outcome = (): string => {
      try {
        return plan(undefined, undefined, HUGE).devices[0];
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(outcome()).toMatch(
      visibleGpus() > 0
        ? /^cuda:0$/
        : /^one worker needs about 3725290\.\d GiB of memory and [\d.]+ GiB are free; use a smaller model/,
    );
    expect(plan('local:1', undefined, HUGE).devices).toHaveLength(1);
  });
});
