/** Main: exits 0 where the tests of this folder can run, else says why not in one line and exits 1. */
import { existsSync } from 'node:fs';
import { SMOLLM2_GGUF } from '@blockpruner/testkit';
import { cudaFacts } from '../src/cuda-facts.ts';
import { cudaObstacle, explainCudaFailure } from '../src/cuda-failure.ts';
import { gpuInfo } from '../src/gpu-info.ts';

function whyNoGpu(): string | undefined {
  const facts = cudaFacts();
  const obstacle = cudaObstacle(facts);
  if (obstacle !== undefined) return obstacle;
  if (facts.gpuCount === 0) return explainCudaFailure('CUDA failure 100: no device', facts);
  const gpu = gpuInfo(0, process.env.CUDA_VISIBLE_DEVICES);
  if (gpu === undefined) {
    return 'nvidia-smi names no GPU: it must be on the PATH (in a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility), and CUDA_VISIBLE_DEVICES must leave one';
  }
  const { name, computeCapability, driverVersion } = gpu;
  process.stdout.write(`${name}, compute capability ${computeCapability}, driver ${driverVersion}\n`);
  return undefined;
}

const reason = whyNoGpu();
if (reason !== undefined) {
  process.stderr.write(`no GPU: ${reason}\n`);
  process.exitCode = 1;
} else if (!existsSync(SMOLLM2_GGUF)) {
  process.stderr.write('no model: run sh tools/setup.sh model, then tools/install-cuda-provider again\n');
  process.exitCode = 1;
}
