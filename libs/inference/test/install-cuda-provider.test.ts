import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const COMMAND = join(ROOT, 'tools/install-cuda-provider');
const MAIN = join(ROOT, 'tools/cuda-provider/main.ts');
const PACKAGE = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const REAL_LIBRARY = readFileSync(join(PACKAGE, 'bin/napi-v6/linux/x64/onnxruntime_binding.node'));
const PROVIDERS = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];

const MAKE_WHEEL = `
import json, sys, zipfile
spec = json.load(sys.stdin)
with zipfile.ZipFile(spec["file"], "w") as wheel:
    info = f'{spec["name"]}-{spec["version"]}.dist-info'
    wheel.writestr(f"{info}/METADATA", f'Metadata-Version: 2.4\\nName: {spec["name"]}\\nVersion: {spec["version"]}\\n\\nVersion: 0\\n')
    wheel.writestr(f"{info}/WHEEL", f'Wheel-Version: 1.0\\nTag: {spec["tag"]}\\n')
    for name, path in spec["members"].items():
        wheel.write(path, f"onnxruntime/capi/{name}")
`;

describe('tools/install-cuda-provider', { timeout: 60_000 }, () => {
  let folder: TemporaryFolder;
  let binding: string;
  let wheel: string;

  beforeEach(() => {
    folder = temporaryFolder();
    binding = join(folder.path, 'package/bin/napi-v6/linux/x64');
    wheel = join(folder.path, 'the.whl');
    mkdirSync(binding, { recursive: true });
    writeFileSync(join(folder.path, 'package/package.json'), '{"version": "9.8.7"}');
    writeFileSync(join(binding, 'libonnxruntime.so.1'), 'ORT Build Info: git-commit-id=abc123def, Release');
  });
  afterEach(() => folder.remove());

  const makeWheel = (but: {
    name?: string;
    version?: string;
    tag?: string;
    commit?: string;
    cuda?: Uint8Array;
    without?: string;
  }): void => {
    const contents: Record<string, Uint8Array> = {
      [PROVIDERS[0]]: but.cuda ?? Buffer.concat([REAL_LIBRARY, Buffer.from('\x009.8.7\0')]),
      [PROVIDERS[1]]: REAL_LIBRARY,
      'libonnxruntime.so.9.8.7': Buffer.from(`ORT Build Info: git-commit-id=${but.commit ?? 'abc123def'}, x`),
    };
    const members: Record<string, string> = {};
    for (const [name, bytes] of Object.entries(contents)) {
      if (name === but.without) continue;
      members[name] = join(folder.path, name);
      writeFileSync(members[name], bytes);
    }
    const { name = 'onnxruntime-gpu', version = '9.8.7', tag = 'cp312-cp312-manylinux_2_28_x86_64' } = but;
    execFileSync('python3', ['-c', MAKE_WHEEL], {
      input: JSON.stringify({ file: wheel, name, version, tag, members }),
    });
  };
  const install = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [MAIN, '--binding-dir', binding, ...args], { encoding: 'utf8' });
  /** Ends with one short error line, and leaves the binding's folder as it was. */
  const expectRefusal = (result: { status: number | null; stderr: string }, reason: RegExp): void => {
    const lines = result.stderr.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^error: .{1,393}$/);
    expect(lines.at(-1)).toMatch(reason);
    expect(result.status).toBe(1);
    expect(readdirSync(binding)).toEqual(['libonnxruntime.so.1']);
  };

  it('puts both libraries of a wheel beside the binding, and does nothing the second time', () => {
    makeWheel({});
    expect(install('--wheel', wheel)).toMatchObject({ status: 0, stdout: '' });
    expect(readdirSync(binding).sort()).toEqual(['libonnxruntime.so.1', ...PROVIDERS]);
    expect(readFileSync(join(binding, PROVIDERS[1]))).toEqual(REAL_LIBRARY);
    rmSync(wheel);
    const again = install('--wheel', wheel);
    expect([again.status, again.stderr]).toEqual([0, expect.stringContaining('is there already')]);
    expect(install('--check').stdout).toContain('found    libonnxruntime_providers_cuda.so: 9.8.7');
  });

  it('replaces a provider that was cut short, and one of another version', () => {
    makeWheel({});
    for (const stale of [REAL_LIBRARY.subarray(0, 1000), REAL_LIBRARY]) {
      PROVIDERS.forEach((name) => writeFileSync(join(binding, name), stale));
      expect(install('--wheel', wheel).status).toBe(0);
      expect(install('--check').stdout).toContain('found    libonnxruntime_providers_cuda.so: 9.8.7');
    }
  });

  it('removes what an installation that was killed has left', () => {
    makeWheel({});
    mkdirSync(join(binding, '.incomplete-4194305')); // beyond the largest process id of Linux
    writeFileSync(join(binding, '.incomplete-4194305/part'), 'x');
    expect(install('--wheel', wheel).status).toBe(0);
    expect(readdirSync(binding).sort()).toEqual(['libonnxruntime.so.1', ...PROVIDERS]);
  });

  it.each([
    ['another version', { version: '9.8.6' }, /of version 9\.8\.6, onnxruntime-node of 9\.8\.7/],
    ['another package', { name: 'onnxruntime' }, /is onnxruntime, not onnxruntime-gpu/],
    ['another platform', { tag: 'cp312-cp312-win_amd64' }, /for cp312-cp312-win_amd64, not for Linux/],
    ['another processor', { tag: 'cp312-cp312-manylinux_2_28_aarch64' }, /not for Linux on x86-64/],
    ['another build', { commit: '0123456789ab' }, /build 0123456789ab, .* of build abc123def/],
    ['a core that names no build', { commit: '?' }, /does not say which commit/],
    ['no CUDA provider', { without: PROVIDERS[0] }, /holds no libonnxruntime_providers_cuda\.so/],
    [
      'a library cut short before it was packed',
      { cuda: REAL_LIBRARY.subarray(0, 50_000) },
      /not a whole library/,
    ],
  ])('refuses a wheel of %s', (_, but, reason) => {
    makeWheel(but);
    expectRefusal(install('--wheel', wheel), reason);
  });

  it('refuses a wheel that is cut short, damaged, or none', () => {
    makeWheel({});
    const bytes = readFileSync(wheel);
    const at = bytes.indexOf(REAL_LIBRARY.subarray(200_000, 200_100));
    writeFileSync(wheel, Buffer.from(bytes).fill(0xa5, at, at + 16));
    expectRefusal(install('--wheel', wheel), /could not be unpacked: Bad CRC-32/);
    writeFileSync(wheel, bytes);
    truncateSync(wheel, bytes.length - 100);
    expectRefusal(install('--wheel', wheel), /is not a whole wheel: File is not a zip file/);
    writeFileSync(wheel, '<html>404 Not Found</html>');
    expectRefusal(install('--wheel', wheel), /is not a whole wheel/);
    rmSync(wheel);
    expectRefusal(install('--wheel', wheel), /is not a whole wheel: .*No such file/);
  });

  it.each([
    [
      'python3 has no pip',
      '/usr/bin/python3: No module named pip',
      /has no pip.*apt install python3-pip.*--wheel/,
    ],
    [
      'no index is reached',
      'ERROR: Could not find a version that satisfies the requirement onnxruntime-gpu==9.8.7 (from versions: none)',
      /reaches no index.*PIP_INDEX_URL.*--wheel/,
    ],
    [
      'the index lacks the version',
      'ERROR: Could not find a version that satisfies the requirement onnxruntime-gpu==9.8.7 (from versions: 1.29.0, 1.31.1)',
      /has no onnxruntime-gpu==9\.8\.7, its newest is 1\.31\.1/,
    ],
    [
      'the disk is full',
      'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
      /no space left on the disk/,
    ],
    [
      'the download is damaged',
      'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.',
      /is damaged.*try again/,
    ],
    ['pip fails otherwise', 'ERROR: something else', /could not fetch .*: ERROR: something else/],
  ])('says what to do when %s', (_, said, reason) => {
    const bin = join(folder.path, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'python3'), `#!/bin/sh\necho '${said}' >&2\nexit 1\n`);
    chmodSync(join(bin, 'python3'), 0o755);
    const options = { encoding: 'utf8', env: { PATH: bin } } as const;
    expectRefusal(spawnSync(process.execPath, [MAIN, '--binding-dir', binding], options), reason);
  });

  it('says what to do without python3', () => {
    const options = { encoding: 'utf8', env: { PATH: join(folder.path, 'none') } } as const;
    expectRefusal(
      spawnSync(process.execPath, [MAIN, '--binding-dir', binding], options),
      /python3 was not found.*apt install python3/,
    );
  });

  it('says that npm ci comes first where there is no binding', () => {
    rmSync(join(folder.path, 'package'), { recursive: true });
    expect(install().stderr).toMatch(/^error: .*package\.json/);
    expect(install().status).toBe(1);
  });

  it('checks without changing anything, and exits 1 while something is missing', () => {
    const { status, stdout } = install('--check');
    expect(status).toBe(1);
    expect(stdout).toContain('onnxruntime-node 9.8.7 in ');
    expect(stdout).toMatch(
      /^missing {2}libonnxruntime_providers_cuda\.so: .*run tools\/install-cuda-provider, /m,
    );
    expect(readdirSync(binding)).toEqual(['libonnxruntime.so.1']);
  });

  it('takes no option that it does not know, and works through a link from elsewhere', () => {
    const link = join(folder.path, 'link');
    symlinkSync(COMMAND, link);
    const wrong = spawnSync(link, ['--chekc'], { encoding: 'utf8', cwd: folder.path });
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringMatching(/^error: .*--chekc.*--help/)]);
    const help = spawnSync(link, ['--help'], { encoding: 'utf8', cwd: folder.path });
    expect([help.status, help.stdout]).toEqual([0, expect.stringContaining('Examples:')]);
  });
});
