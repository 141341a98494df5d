/**
 * `tools/install-cuda-provider`: makes an installed onnxruntime-node use NVIDIA GPUs.
 *
 * The pieces: install.ts - what is put where; wheel.ts - how wheels are fetched and unpacked, with wheel.py. Beside it,
 * sbom.ts - the same in a list of packages.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CUDA_PROVIDER, cudaFacts, installedBindingFolder } from '../../libs/inference/src/cuda-facts.ts';
import { cudaObstacle, wayToLibrary } from '../../libs/inference/src/cuda-failure.ts';
import { installLibraries, installProvider } from './install.ts';
import { InstallError } from './wheel.ts';

const LONGEST_ERROR_LINE = 400;

const HELP = `Usage: tools/install-cuda-provider [options]

Puts onnxruntime's CUDA provider beside the installed onnxruntime-node, which comes without it: two libraries (260 MiB)
from the wheel onnxruntime-gpu of the same version and build. Run it after npm ci. Needs python3 with pip.

Options:
  --wheel <file>        take this wheel instead of fetching one
  --libraries <folder>  fetch the CUDA 13 libraries too (1.1 GB to fetch, 1.8 GB there), into this folder
  --check               change nothing: say what is there and what is missing; exit 1 if something is
  --binding-dir <dir>   the folder of onnxruntime_binding.node (default: that of the installed onnxruntime-node)
  --help                this text

Examples:
  tools/install-cuda-provider
  tools/install-cuda-provider --libraries ~/cuda13
  tools/install-cuda-provider --wheel onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl
  LD_LIBRARY_PATH=~/cuda13 tools/install-cuda-provider --check

A mirror of PyPI is named as for pip itself: PIP_INDEX_URL.
`;

async function main(): Promise<number> {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new InstallError(
      `onnxruntime-node has a CUDA provider for Linux on x86-64 alone; this is ${process.platform} on ${process.arch}`,
    );
  }
  const bindingFolder = bindingFolderOf(values['binding-dir']);
  if (values.check) return report(bindingFolder);
  await installProvider(bindingFolder, values.wheel);
  if (values.libraries !== undefined) {
    const folder = resolve(values.libraries);
    await installLibraries(folder, bindingFolder);
    process.stdout.write(`export LD_LIBRARY_PATH="${folder}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n`);
  } else {
    const obstacle = cudaObstacle(cudaFacts(bindingFolder));
    if (obstacle !== undefined) process.stderr.write(`still missing: ${obstacle}\n`);
  }
  return 0;
}

interface Options {
  readonly wheel?: string;
  readonly libraries?: string;
  readonly check?: boolean;
  readonly 'binding-dir'?: string;
  readonly help?: boolean;
}

class UsageError extends Error {
  override readonly name = 'UsageError';
}

function readOptions(): Options {
  try {
    return parseArgs({
      options: {
        wheel: { type: 'string' },
        libraries: { type: 'string' },
        check: { type: 'boolean' },
        'binding-dir': { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}; --help lists the options`);
  }
}

function bindingFolderOf(given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  try {
    return installedBindingFolder();
  } catch {
    throw new InstallError('onnxruntime-node is not installed: run npm ci');
  }
}

/** One line a part. @returns 1 when something is missing */
function report(bindingFolder: string): number {
  const facts = cudaFacts(bindingFolder);
  const { engineVersion, provider, libraries, driverVersion, gpuCount } = facts;
  const isProvided = provider === 'present';
  const lines = [
    `onnxruntime-node ${engineVersion} in ${bindingFolder}`,
    line(isProvided, CUDA_PROVIDER, isProvided ? engineVersion : (cudaObstacle(facts) ?? provider)),
    ...libraries.map(({ name, isFound }) => line(isFound, name, isFound ? '' : wayToLibrary(name, facts))),
    line(driverVersion !== undefined, 'NVIDIA driver', driverVersion ?? 'install branch 580 or newer'),
    line(gpuCount > 0, 'GPU', gpuCount > 0 ? `${gpuCount}` : 'none is given to this machine or container'),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const isWell =
    isProvided && cudaObstacle(facts) === undefined && driverVersion !== undefined && gpuCount > 0;
  return isWell ? 0 : 1;
}

function line(isThere: boolean, what: string, more: string): string {
  return `${isThere ? 'found  ' : 'missing'}  ${what}${more === '' ? '' : `: ${more}`}`;
}

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${`error: ${message.replaceAll(/\s+/g, ' ')}`.slice(0, LONGEST_ERROR_LINE - 1)}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
