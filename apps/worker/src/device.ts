import { gpuInfo, numericClass, resolveDtype, type Dtype } from '@blockpruner/inference';
import type { WorkerOptions } from './options.ts';

/** The device of a worker, as it was found. */
export interface Device {
  readonly dtype: Dtype;
  readonly numericClass: string;
  /** Threads of one evaluation; null takes the fastest number there is. */
  readonly threads: number | null;
  /** What the worker may use of the device's memory. */
  readonly memoryBytes: number;
}

/**
 * Asks the driver about a GPU.
 * @param visibleDevices the value of CUDA_VISIBLE_DEVICES
 * @throws RangeError when the device cannot compute in the dtype asked for
 */
export function findDevice(
  { device, dtype: requested, threads: wanted, maxThreads, memoryLimitBytes }: WorkerOptions,
  visibleDevices: string | undefined,
): Device {
  const index = /^cuda:(\d+)$/.exec(device)?.[1];
  const gpu = index === undefined ? undefined : gpuInfo(Number(index), visibleDevices);
  const dtype = resolveDtype(requested, device, gpu);
  // A CPU's fp16 goes through casts whose kernels change bits with the number of threads.
  const isThreadBound = device === 'cpu' && dtype === 'fp16';
  const threads = isThreadBound ? (wanted ?? maxThreads) : wanted;
  const ofDevice = numericClass(device, dtype, gpu);
  return {
    dtype,
    numericClass: isThreadBound ? `${ofDevice}, ${threads} threads` : ofDevice,
    threads,
    memoryBytes: gpu?.memoryBytes ?? memoryLimitBytes,
  };
}
