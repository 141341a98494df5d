/** Main of a GPU trial: multiplies two small matrices on the device of its argument, and sends what came of it. */
import { cudaFacts } from './cuda-facts.ts';
import { cudaObstacle } from './cuda-failure.ts';
import type { GpuTrialReport } from './gpu-trial.ts';
import { measureMatmulPeak } from './matmul-peak.ts';

const SMALL = { rows: 64, inner: 64, columns: 64 };

const facts = cudaFacts();
let failure: string | undefined;
// A damaged CUDA provider kills the process that loads it: look first.
if (cudaObstacle(facts) !== undefined) failure = '';
else {
  try {
    await measureMatmulPeak({ device: process.argv[2], threads: 1, seconds: 0, ...SMALL });
  } catch (error) {
    failure = (error as Error).message;
  }
}
process.send?.({ facts, failure } satisfies GpuTrialReport, () => process.exit());
