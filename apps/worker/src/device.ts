import { gpuInfo, numericClass, resolveDtype, type Dtype } from '@blockpruner/inference';
import type { WorkerOptions } from './options.ts';

/** The device of a worker, as it was found. */
export interface Device {
  readonly dtype: Dtype;
  readonly numericClass: string;
  /** What the worker may use of the device's memory. */
  readonly memoryBytes: number;
}

/**
 * Asks the driver about a GPU.
 * @param visibleDevices the value of CUDA_VISIBLE_DEVICES
 * @throws RangeError when the device cannot compute in the dtype asked for
 */
export function findDevice(
  { device, dtype: requested, memoryLimitBytes }: WorkerOptions,
  visibleDevices: string | undefined,
): Device {
  const index = /^cuda:(\d+)$/.exec(device)?.[1];
  const gpu = index === undefined ? undefined : gpuInfo(Number(index), visibleDevices);
  const dtype = resolveDtype(requested, device, gpu);
  return {
    dtype,
    numericClass: numericClass(device, dtype, gpu),
    memoryBytes: gpu?.memoryBytes ?? memoryLimitBytes,
  };
}
