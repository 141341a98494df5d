/** Main of a GPU trial: multiplies two small matrices on the device it is told of, and sends what came of it. */
import { cudaFacts } from './cuda-facts.ts';
import { cudaObstacle } from './cuda-failure.ts';
import type { GpuTrialReport } from './gpu-trial.ts';
import { measureMatmulPeak } from './matmul-peak.ts';

const SMALL = { rows: 64, inner: 64, columns: 64 };

process.once('message', (device: string) => {
  void tryOut(device).then((report) => process.send?.(report)); // then the parent ends this process
});

async function tryOut(device: string): Promise<GpuTrialReport> {
  const facts = cudaFacts();
  // A damaged CUDA provider kills the process that loads it: look first.
  if (cudaObstacle(facts) !== undefined) return { facts, failure: '' };
  try {
    await measureMatmulPeak({ device, threads: 1, seconds: 0, ...SMALL });
    return { facts, failure: undefined };
  } catch (error) {
    return { facts, failure: (error as Error).message };
  }
}
