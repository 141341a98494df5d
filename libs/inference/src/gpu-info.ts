import { execFileSync } from 'node:child_process';

/** A GPU as CUDA numbers it in this process. */
export interface GpuInfo {
  /** As in `NVIDIA H100 80GB HBM3`. */
  readonly name: string;
  /** As in `9.0`. */
  readonly computeCapability: string;
  /** Undefined where the driver does not say: memory shared with the CPU, or a slice of a GPU (MIG). */
  readonly memoryBytes: number | undefined;
  readonly driverVersion: string;
}

interface ListedGpu extends GpuInfo {
  readonly uuid: string;
}

const QUERY = 'uuid,name,compute_cap,memory.total,mig.mode.current,driver_version';
/** The driver takes seconds to wake sleeping GPUs, each in turn. */
const TIMEOUT_MS = 60_000;
/** The largest hosts have 16; a line has about a hundred bytes. */
const MAX_GPUS = 64;
const MAX_LIST_BYTES = 64 * 1024;
const MIB = 2 ** 20;

/**
 * What `nvidia-smi` says of the GPU that CUDA calls `index`, counted in PCI bus order, which CUDA does too where
 * CUDA_DEVICE_ORDER is PCI_BUS_ID.
 * @param visibleDevices the value of CUDA_VISIBLE_DEVICES, undefined where it is not set
 * @returns undefined where there is no such GPU, or no driver or `nvidia-smi` to tell
 */
export function gpuInfo(index: number, visibleDevices: string | undefined): GpuInfo | undefined {
  let list: string;
  try {
    list = execFileSync('nvidia-smi', [`--query-gpu=${QUERY}`, '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_LIST_BYTES,
    });
  } catch {
    return undefined;
  }
  return selectGpu(list, index, visibleDevices);
}

/** `gpuInfo` on what `nvidia-smi` has printed. */
export function selectGpu(
  list: string,
  index: number,
  visibleDevices: string | undefined,
): GpuInfo | undefined {
  const gpus = parseGpus(list);
  const visible = visibleDevices === undefined ? gpus : visibleGpus(gpus, visibleDevices);
  const gpu = visible.at(index);
  if (gpu === undefined || index < 0) return undefined;
  const { name, computeCapability, memoryBytes, driverVersion } = gpu;
  return { name, computeCapability, memoryBytes, driverVersion };
}

/** Lines that are not of a GPU, warnings among them, are passed over. */
function parseGpus(list: string): ListedGpu[] {
  if (list.length > MAX_LIST_BYTES) return [];
  const gpus: ListedGpu[] = [];
  for (const line of list.split('\n', 2 * MAX_GPUS)) {
    const fields = /^(GPU-[\w-]+), (.{1,100}), (\d{1,3}\.\d{1,2}), ([^,]+), ([^,]+), (\d[\d.]{1,30})$/.exec(
      line.trim(),
    );
    if (fields === null || gpus.length === MAX_GPUS) continue;
    const [, uuid, name, computeCapability, memoryMib, mig, driverVersion] = fields;
    const isWhole = mig !== 'Enabled' && /^\d{1,9}$/.test(memoryMib);
    const memoryBytes = isWhole ? Number(memoryMib) * MIB : undefined;
    gpus.push({ uuid, name, computeCapability, memoryBytes, driverVersion });
  }
  return gpus;
}

/**
 * CUDA takes numbers, unambiguous beginnings of UUIDs and UUIDs of MIG slices, in the order given, and stops at the
 * first that it does not know. (CUDA C++ Programming Guide, "CUDA Environment Variables".)
 */
function visibleGpus(gpus: readonly ListedGpu[], visibleDevices: string): ListedGpu[] {
  const visible: ListedGpu[] = [];
  for (const entry of visibleDevices.split(',').map((text) => text.trim())) {
    const gpu = entry.startsWith('MIG-') ? sliceOf(gpus, entry) : wholeGpu(gpus, entry);
    if (gpu === undefined) break;
    visible.push(gpu);
  }
  return visible;
}

function wholeGpu(gpus: readonly ListedGpu[], entry: string): ListedGpu | undefined {
  if (/^\d{1,3}$/.test(entry)) return gpus[Number(entry)];
  const matching = entry.startsWith('GPU-') ? gpus.filter(({ uuid }) => uuid.startsWith(entry)) : [];
  return matching.length === 1 ? matching[0] : undefined;
}

/** Newer UUIDs of slices do not say whose they are; then all GPUs must be of one model. */
function sliceOf(gpus: readonly ListedGpu[], entry: string): ListedGpu | undefined {
  const owner = gpus.find(({ uuid }) => entry.startsWith(`MIG-${uuid}/`));
  const gpu = owner ?? gpus.at(0);
  if (gpu === undefined) return undefined;
  const isCertain = owner !== undefined || gpus.every(({ name }) => name === gpu.name);
  return isCertain ? { ...gpu, memoryBytes: undefined } : undefined;
}
