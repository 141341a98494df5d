import { isAllocationFailure } from './allocation-failure.ts';
import { cudaFacts } from './cuda-facts.ts';
import { cudaObstacle, explainCudaFailure } from './cuda-failure.ts';
import { DeviceError } from './device-error.ts';

/** What onnxruntime says when the provider, a library of it, or the driver fails. */
const OF_CUDA = /cuda|cublas|cudnn|failed to load|provider/i;

/**
 * Loads something on a device, and explains what a GPU lacks.
 * @param device `cpu` or `cuda:<index>`
 * @throws DeviceError where the device is at fault; what `load` throws otherwise
 */
export async function loadOnDevice<T>(device: string, load: () => Promise<T>): Promise<T> {
  if (device === 'cpu') return load();
  // A damaged CUDA provider kills the process that loads it: look first.
  const facts = cudaFacts();
  const obstacle = cudaObstacle(facts);
  if (obstacle !== undefined) throw new DeviceError(`${device}: ${obstacle}`);
  try {
    return await load();
  } catch (error) {
    const { message } = error as Error;
    if (!OF_CUDA.test(message)) throw error;
    // A smaller model may fit.
    const Failure = isAllocationFailure(message) ? Error : DeviceError;
    throw new Failure(`${device}: ${explainCudaFailure(message, facts)}`, { cause: error });
  }
}
