import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CUDA_PROVIDER, cudaFacts, SHARED_PROVIDER } from '../../libs/inference/src/cuda-facts.ts';
import { neededLibraries } from '../../libs/inference/src/shared-library.ts';
import { downloadWheel, extract, InstallError, openWheel, type Wheel } from './wheel.ts';

export const PROVIDER_PACKAGE = 'onnxruntime-gpu';

/**
 * What the CUDA provider of onnxruntime 1.30 is built with (CUDA 13.0), pinned: other kernels compute other bits.
 * nvrtc is what cuBLAS loads when it needs it, cuDNN what onnxruntime does.
 */
export const CUDA_PACKAGES: readonly { name: string; version: string; libraries: readonly string[] }[] = [
  { name: 'nvidia-cuda-runtime', version: '13.0.96', libraries: ['libcudart.so.13'] },
  { name: 'nvidia-cublas', version: '13.0.2.14', libraries: ['libcublasLt.so.13', 'libcublas.so.13'] },
  { name: 'nvidia-curand', version: '10.4.0.35', libraries: ['libcurand.so.10'] },
  { name: 'nvidia-cuda-nvrtc', version: '13.0.88', libraries: ['libnvrtc.so.13'] },
  { name: 'nvidia-cudnn-cu13', version: '9.28.1.4', libraries: ['libcudnn.so.9'] },
];

/**
 * Puts the CUDA provider beside the binding, from the wheel of the same onnxruntime version and build. Both files are
 * there in the end, or neither is touched.
 * @param wheelFile a wheel that is already here; fetched where undefined
 */
export async function installProvider(bindingFolder: string, wheelFile: string | undefined): Promise<void> {
  const { engineVersion, provider } = cudaFacts(bindingFolder);
  if (provider === 'present') return say(`the CUDA provider ${engineVersion} is there already`);
  const core = join(bindingFolder, 'libonnxruntime.so.1');
  if (!existsSync(core)) throw new InstallError(`${core} is missing: run npm ci`);
  await inside(bindingFolder, async (folder) => {
    const wheel = await openWheel(
      wheelFile ?? (await downloadWheel(PROVIDER_PACKAGE, engineVersion, folder)),
    );
    checkVersion(wheel, engineVersion);
    const wheelCore = `libonnxruntime.so.${engineVersion}`;
    await extract(wheel, membersOf(wheel, [SHARED_PROVIDER, CUDA_PROVIDER, wheelCore]), folder);
    const [ours, theirs] = [core, join(folder, wheelCore)].map(buildOf);
    if (ours !== theirs) {
      throw new InstallError(
        `${basename(wheel.file)} is of build ${theirs}, onnxruntime-node ${engineVersion} of build ${ours}: they do not fit together, although their versions are equal`,
      );
    }
    // The CUDA provider last: it is what onnxruntime, and a second call of this, look for.
    moveLibraries(folder, [SHARED_PROVIDER, CUDA_PROVIDER], bindingFolder);
  });
  say(`put ${SHARED_PROVIDER} and ${CUDA_PROVIDER} ${engineVersion} into ${bindingFolder}`);
}

/**
 * Puts the CUDA libraries that the provider needs into one folder, all `.so` files of their packages side by side.
 * @throws InstallError when the provider was built for another CUDA than the packages that are known here
 */
export async function installLibraries(folder: string, bindingFolder: string): Promise<void> {
  const known = CUDA_PACKAGES.flatMap(({ libraries }) => libraries);
  const { libraries: needed } = cudaFacts(bindingFolder);
  const unknown = needed.find(({ name }) => /^libcu(?!da\.)/.test(name) && !known.includes(name));
  if (unknown !== undefined) {
    throw new InstallError(
      `the CUDA provider needs ${unknown.name}, and this fetches the libraries of CUDA 13.0 alone: install its CUDA by the system's packages`,
    );
  }
  mkdirSync(folder, { recursive: true });
  for (const { name, version, libraries } of CUDA_PACKAGES) {
    if (libraries.every((library) => isComplete(join(folder, library)))) {
      say(`${name} is there already`);
      continue;
    }
    await inside(folder, async (incomplete) => {
      const wheel = await openWheel(await downloadWheel(name, version, incomplete));
      const members = Object.keys(wheel.members).filter((member) => /\.so\.[\d.]+$/.test(member));
      await extract(wheel, members, incomplete);
      const names = members.map((member) => basename(member));
      const lacking = libraries.find((library) => !names.includes(library));
      if (lacking !== undefined) throw new InstallError(`${basename(wheel.file)} holds no ${lacking}`);
      moveLibraries(incomplete, [...names.filter((file) => !libraries.includes(file)), ...libraries], folder);
    });
    say(`put ${name} ${version} into ${folder}`);
  }
}

function checkVersion(wheel: Wheel, engineVersion: string): void {
  if (wheel.name !== PROVIDER_PACKAGE) {
    throw new InstallError(
      `${basename(wheel.file)} is ${wheel.name}, not ${PROVIDER_PACKAGE}: name another wheel`,
    );
  }
  if (wheel.version !== engineVersion) {
    throw new InstallError(
      `${basename(wheel.file)} is of version ${wheel.version}, onnxruntime-node of ${engineVersion}: name the wheel of ${engineVersion}`,
    );
  }
}

function membersOf(wheel: Wheel, names: readonly string[]): string[] {
  return names.map((name) => {
    const member = Object.keys(wheel.members).find((path) => basename(path) === name);
    if (member === undefined) throw new InstallError(`${basename(wheel.file)} holds no ${name}`);
    return member;
  });
}

/** The commit that a libonnxruntime says it was built from: the provider's interface changes from one to the next. */
function buildOf(library: string): string {
  const bytes = readFileSync(library);
  const start = bytes.indexOf('git-commit-id=');
  const text = start < 0 ? '' : bytes.toString('latin1', start, start + 80);
  const commit = /^git-commit-id=([0-9a-f]{7,40})/.exec(text)?.[1];
  if (commit === undefined) throw new InstallError(`${library} does not say which commit it was built from`);
  return commit;
}

function isComplete(library: string): boolean {
  return existsSync(library) && neededLibraries(library) !== undefined;
}

/** Nothing is moved when one is damaged: a library that is cut short kills the process that loads it. */
function moveLibraries(from: string, names: readonly string[], to: string): void {
  const broken = names.find((name) => !isComplete(join(from, name)));
  if (broken !== undefined) {
    throw new InstallError(`${broken} of the wheel is not a whole library for x86-64: fetch the wheel again`);
  }
  for (const name of names) {
    chmodSync(join(from, name), 0o644);
    renameSync(join(from, name), join(to, name));
  }
}

/**
 * Works in a folder inside the target, so that what is finished moves within one file system, and removes it whatever
 * happens; those of processes that were killed go too.
 */
async function inside(target: string, work: (folder: string) => Promise<void>): Promise<void> {
  for (const entry of readdirSync(target)) {
    const pid = /^\.incomplete-(\d+)$/.exec(entry)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(target, entry), { recursive: true });
  }
  const folder = join(target, `.incomplete-${process.pid}`);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // On Ctrl-C too; pip and Python, in the same process group, end by themselves.
  process.on('exit', remove);
  try {
    mkdirSync(folder);
    await work(folder);
  } finally {
    remove();
    process.off('exit', remove);
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
