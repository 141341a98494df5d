import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Dtype } from './dtype.ts';
import type { GpuInfo } from './gpu-info.ts';

const INSTRUCTION_SETS = ['avx512f', 'avx2', 'avx', 'asimd'] as const;

/** Version of the onnxruntime build that computes. */
export function engineVersion(): string {
  const manifest = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return manifest.version;
}

/**
 * The class within which cells are equal bit for bit: engine build, provider, instruction set and L2 size
 * (onnxruntime's matrix kernels choose their blocking by both) or GPU model, dtype, pre-packing mode.
 * @param device `cpu` or `cuda:<index>`
 * @param gpu what the driver says of the device
 */
export function numericClass(device: string, dtype: Dtype, gpu?: GpuInfo): string {
  const hardware = device === 'cpu' ? `cpu ${instructionSet()} L2 ${l2Size()}` : `cuda ${gpuModel(gpu)}`;
  return `onnxruntime ${engineVersion()}, ${hardware}, ${dtype}, pre-packed`;
}

function instructionSet(): string {
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readText('/proc/cpuinfo'))?.[1].split(/\s+/) ?? [];
  const best = INSTRUCTION_SETS.find((name) => flags.includes(name));
  const extras = flags
    .filter((flag) => flag === 'fma' || flag === 'amx_tile' || flag === 'avx512_vnni')
    .sort();
  return [best ?? process.arch, ...extras].join('+');
}

function l2Size(): string {
  return readText('/sys/devices/system/cpu/cpu0/cache/index2/size').trim() || 'unknown';
}

function gpuModel(gpu: GpuInfo | undefined): string {
  return gpu === undefined ? 'unknown model' : `${gpu.name} ${gpu.computeCapability}`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
