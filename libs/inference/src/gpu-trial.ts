import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CudaFacts } from './cuda-facts.ts';
import { explainCudaFailure } from './cuda-failure.ts';

const CHILD_MAIN = fileURLToPath(new URL('./gpu-trial-child.ts', import.meta.url));
/** Where the loader fails, onnxruntime says which library it was on its standard error alone. */
const MAX_ERROR_CHARACTERS = 4096;

/** What a trial has found; `failure` is what onnxruntime said, undefined where it has multiplied. */
export interface GpuTrialReport {
  readonly facts: CudaFacts;
  readonly failure: string | undefined;
}

/**
 * Computes something small on a GPU, so that a machine that lacks what this needs is known before anybody counts on it.
 * It happens in a process of its own: some failures end it, and what CUDA loads stays in memory.
 * @param device `cuda:<index>`
 * @param environment variables of that process; it inherits none
 * @throws Error that says in one line what is missing (provider, CUDA library, driver, GPU), and how to get it
 */
export async function tryGpu(device: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const child = fork(CHILD_MAIN, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: environment,
  });
  let report: GpuTrialReport | undefined;
  let said = '';
  child.on('message', (message) => {
    report = message as GpuTrialReport;
    child.kill('SIGKILL'); // what CUDA has started need not end by itself
  });
  child.stderr?.on('data', (piece: Buffer) => {
    said = (said + piece.toString()).slice(-MAX_ERROR_CHARACTERS);
  });
  child.send(device, () => undefined); // one that ended before it was told says so below
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (report === undefined) {
    throw new Error(
      `${device}: trying it ended the process by ${signal ?? `exit code ${code}`}: run tools/install-cuda-provider --check, and nvidia-smi`,
    );
  }
  const { facts, failure } = report;
  if (failure !== undefined) {
    throw new Error(`${device}: ${explainCudaFailure(`${failure} ${said}`, facts)}`);
  }
}
