import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import type { LoadRequest } from '../src/index.ts';

/** A request for a tiny model on the CPU, with the plan and threads that measure nothing. */
export function loadRequest(folder: string, changes: Partial<LoadRequest> = {}): LoadRequest {
  return {
    modelPath: folder,
    cacheFolder: folder,
    device: 'cpu',
    dtype: 'fp32',
    threads: 1,
    maxThreads: 2,
    sharedWeights: false,
    memoryLimitBytes: 2 ** 30,
    deviceMemoryBytes: 2 ** 30,
    longestRowTokens: 200,
    microBatchRows: null,
    shapePlan: CPU_SHAPE_PLAN,
    stages: 1,
    ...changes,
  };
}
