import { CUDA_PROVIDER, type CudaFacts } from './cuda-facts.ts';

const INSTALLER = 'tools/install-cuda-provider';
const OLDEST_DRIVER = 580;
/** An error line is shorter than 400 characters; the caller says which device it is about. */
const LONGEST_EXPLANATION = 360;

const DRIVER_LIBRARY = 'libcuda.so.1';
const TOOLKIT_LIBRARY = /^lib(?:cublas|cublasLt|cudart|curand|cufft|cudnn\w*|nvrtc\w*)\.so/;
const CPP_LIBRARY = /^lib(?:stdc\+\+|gcc_s)\.so/;

/** What the number of a CUDA runtime error means for someone who runs a worker. Numbers: CUDA's `cudaError_t`. */
const CUDA_ERRORS: Readonly<Record<number, (facts: CudaFacts) => string>> = {
  2: () => 'the GPU has no memory left: nvidia-smi shows what holds it; use fewer workers on it',
  35: ({ driverVersion, gpuCount }) => {
    if (driverVersion === undefined || gpuCount === 0) return noDriver(driverVersion, gpuCount);
    return Number.parseInt(driverVersion) < OLDEST_DRIVER
      ? `the NVIDIA driver ${driverVersion} is too old for CUDA 13: install branch ${OLDEST_DRIVER} or newer on the host`
      : `the NVIDIA driver ${driverVersion} does not answer CUDA 13: another ${DRIVER_LIBRARY} than the driver's is found first (a cuda-compat or stubs folder on LD_LIBRARY_PATH?)`;
  },
  46: () =>
    'the GPU is taken: another process holds it in exclusive mode (nvidia-smi -q -d COMPUTE shows the mode)',
  100: ({ driverVersion, gpuCount }) =>
    gpuCount === 0
      ? noDriver(driverVersion, gpuCount)
      : 'CUDA sees no GPU although the driver does: CUDA_VISIBLE_DEVICES hides them all, or nvidia-smi -L names none',
  101: () =>
    'no GPU has that number: they count from 0 among those that CUDA_VISIBLE_DEVICES, or the pod, leaves; nvidia-smi -L lists them, and a pod with one GPU has cuda:0 only',
  209: () =>
    'onnxruntime has no kernels for this GPU: it needs compute capability 7.5 or newer (nvidia-smi --query-gpu=compute_cap --format=csv)',
  802: () => 'the GPUs of this host are not ready: start its nvidia-fabricmanager service',
  803: () =>
    `the driver's library and its kernel module are of two versions: reboot after a driver update; in a container take any folder with another ${DRIVER_LIBRARY} off LD_LIBRARY_PATH`,
  804: () =>
    'the CUDA compatibility libraries do not work on this GPU: take the cuda-compat folder off LD_LIBRARY_PATH, and use driver 580 or newer',
};

/**
 * What keeps onnxruntime from using a GPU here, and the way out, before anything has been tried; undefined where
 * nothing is seen to be missing. Asking first is worth it: a CUDA provider that is cut short kills the process that
 * loads it.
 */
export function cudaObstacle(facts: CudaFacts): string | undefined {
  const { engineVersion } = facts;
  switch (facts.provider) {
    case 'absent':
      return `onnxruntime-node ${engineVersion} comes without its CUDA provider (${CUDA_PROVIDER}): run ${INSTALLER}, or take the image for GPUs`;
    case 'incomplete':
      return `the CUDA provider beside onnxruntime-node is cut short or for another processor: run ${INSTALLER} again`;
    case 'other-version':
      return `the CUDA provider beside onnxruntime-node is not of version ${engineVersion}: run ${INSTALLER} again`;
    case 'present':
      break;
  }
  const missing = facts.libraries.filter(({ isFound }) => !isFound).map(({ name }) => name);
  const toolkit = missing.filter((name) => TOOLKIT_LIBRARY.test(name));
  if (toolkit.length > 0) {
    return `CUDA libraries are missing (${toolkit.join(', ')}): get them with ${INSTALLER} --libraries <folder>, and start with that folder on LD_LIBRARY_PATH`;
  }
  const [first] = missing;
  return first === undefined ? undefined : `${first} is missing: ${wayToLibrary(first, facts)}`;
}

/** How to get a library that the CUDA provider needs. */
export function wayToLibrary(library: string, { driverVersion, gpuCount }: CudaFacts): string {
  if (library === DRIVER_LIBRARY) return noDriver(driverVersion, gpuCount);
  if (TOOLKIT_LIBRARY.test(library)) {
    return `get it with ${INSTALLER} --libraries <folder>, and start with that folder on LD_LIBRARY_PATH`;
  }
  if (CPP_LIBRARY.test(library)) return 'install the C++ runtime (Debian: apt install libstdc++6)';
  return 'it belongs to the system (glibc 2.28 or newer; musl will not do)';
}

/**
 * Turns what onnxruntime says when its CUDA provider does not start into one line under 400 characters: what is
 * missing, and how to get it.
 */
export function explainCudaFailure(message: string, facts: CudaFacts): string {
  const line = oneLine(message);
  const cudaError = /CUDA failure (\d+): ([^;]{1,120})/.exec(line);
  const explained = cudaError === null ? undefined : CUDA_ERRORS[Number(cudaError[1])]?.(facts);
  if (explained !== undefined) return cut(explained);
  if (/no available backend found/i.test(line)) {
    return 'this build of onnxruntime-node has no CUDA: GPUs need Linux on x86-64';
  }
  if (/Failed to allocate memory for requested buffer|CUBLAS_STATUS_ALLOC_FAILED|out of memory/.test(line)) {
    return cut(CUDA_ERRORS[2](facts));
  }
  const obstacle = cudaObstacle(facts);
  if (obstacle !== undefined) return cut(obstacle);
  const library = /(lib[\w+.-]{1,60}): cannot open shared object file/.exec(line)?.[1];
  if (library !== undefined) return cut(`${library} is missing: ${wayToLibrary(library, facts)}`);
  // Drivers from before CUDA 12 lack functions that the provider is linked to.
  if (cudaError === null && Number.parseInt(facts.driverVersion ?? '') < OLDEST_DRIVER) {
    return cut(CUDA_ERRORS[35](facts));
  }
  const said =
    cudaError === null ? line.slice(0, 200) : `CUDA failure ${cudaError[1]}: ${cudaError[2].trim()}`;
  return cut(
    `CUDA does not start with driver ${facts.driverVersion ?? '(none)'}: ${said || 'no reason given'}`,
  );
}

function noDriver(driverVersion: string | undefined, gpuCount: number): string {
  if (driverVersion === undefined) {
    return `there is no NVIDIA driver on this machine: install branch ${OLDEST_DRIVER} or newer; a container needs it on its host, with NVIDIA's container toolkit`;
  }
  return gpuCount === 0
    ? 'the host has a driver, but no GPU was given to this container: docker run --gpus all, or nvidia.com/gpu: 1 in the pod'
    : `the container got a GPU but not the driver's CUDA library: set NVIDIA_DRIVER_CAPABILITIES=compute,utility`;
}

/** onnxruntime's messages have line breaks and, in its log, colours. */
function oneLine(message: string): string {
  return message
    .replaceAll(/\x1b\[[\d;]*m/g, '')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}

function cut(text: string): string {
  return text.length <= LONGEST_EXPLANATION ? text : `${text.slice(0, LONGEST_EXPLANATION - 3)}...`;
}
