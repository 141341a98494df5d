import { closeSync, existsSync, globSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { neededLibraries } from './shared-library.ts';

/** The two files that make onnxruntime use a GPU; the npm package comes without them. */
export const CUDA_PROVIDER = 'libonnxruntime_providers_cuda.so';
export const SHARED_PROVIDER = 'libonnxruntime_providers_shared.so';

const SEARCH_BYTES = 8 * 1024 * 1024;

/** What stands between this process and a GPU, as far as looking can tell. */
export interface CudaFacts {
  readonly engineVersion: string;
  /** Where onnxruntime looks for its CUDA provider. */
  readonly bindingFolder: string;
  readonly provider: 'absent' | 'incomplete' | 'other-version' | 'present';
  /** What the CUDA provider needs, in its order; empty without a complete one. */
  readonly libraries: readonly { readonly name: string; readonly isFound: boolean }[];
  /** Of the kernel module, as in `580.95.05`; a container sees that of its host. */
  readonly driverVersion: string | undefined;
  /** GPUs that the kernel gives to this machine or container. */
  readonly gpuCount: number;
}

/**
 * Looks for the CUDA provider, the libraries it needs, the driver and the GPUs. The loader itself is asked for each
 * library, so the answer holds for this process and the library path it was started with.
 * @param bindingFolder another folder than that of the installed onnxruntime-node; laid out as in the package
 */
export function cudaFacts(bindingFolder = installedBindingFolder()): CudaFacts {
  const engineVersion = packageVersion(bindingFolder);
  const file = join(bindingFolder, CUDA_PROVIDER);
  const isThere = existsSync(file) && existsSync(join(bindingFolder, SHARED_PROVIDER));
  const needed = isThere ? neededLibraries(file) : undefined;
  return {
    engineVersion,
    bindingFolder,
    provider: !isThere
      ? 'absent'
      : needed === undefined || neededLibraries(join(bindingFolder, SHARED_PROVIDER)) === undefined
        ? 'incomplete'
        : fileHolds(file, `\0${engineVersion}\0`)
          ? 'present'
          : 'other-version',
    libraries: (needed ?? []).map((name) => ({ name, isFound: isLoadable(name) })),
    driverVersion: /Kernel Module\s.*?(\d+\.\d+(?:\.\d+)?)\s/.exec(
      readText('/proc/driver/nvidia/version'),
    )?.[1],
    gpuCount: globSync('/dev/nvidia[0-9]*').length,
  };
}

/** The folder of the installed onnxruntime-node's native binding on this platform. */
export function installedBindingFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return join(dirname(manifest), 'bin/napi-v6', process.platform, process.arch);
}

/** Version of the onnxruntime-node that a binding folder belongs to. @throws Error where there is none around it */
export function packageVersion(bindingFolder: string): string {
  const manifest = join(bindingFolder, '../../../../package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: unknown };
  if (typeof version !== 'string' || !/^[\w.+-]{1,40}$/.test(version)) {
    throw new Error(`${manifest} names no version of onnxruntime-node: install it again (npm ci)`);
  }
  return version;
}

/**
 * Node's own dlopen takes any library, and then complains that it is no addon; a library that is missing, or misses
 * another, is named by the loader instead.
 */
function isLoadable(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library);
    return true;
  } catch (error) {
    return (error as Error).message.startsWith('Module did not self-register');
  }
}

/** Whether a file has these bytes somewhere; only a piece of it is in memory at a time. */
export function fileHolds(file: string, text: string): boolean {
  const wanted = Buffer.from(text, 'latin1');
  const descriptor = openSync(file, 'r');
  try {
    const piece = Buffer.alloc(SEARCH_BYTES);
    let position = 0;
    for (;;) {
      const length = readSync(descriptor, piece, 0, piece.length, position);
      if (piece.subarray(0, length).includes(wanted)) return true;
      if (length < piece.length) return false;
      position += length - wanted.length + 1;
    }
  } finally {
    closeSync(descriptor);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
