import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cudaFacts, fileHolds, installedBindingFolder } from './cuda-facts.ts';

const REAL_LIBRARY = join(installedBindingFolder(), 'onnxruntime_binding.node');

describe('cudaFacts', () => {
  let package_: TemporaryFolder;
  let binding: string;
  beforeEach(() => {
    package_ = temporaryFolder();
    binding = join(package_.path, 'bin/napi-v6/linux/x64');
    mkdirSync(binding, { recursive: true });
    writeFileSync(join(package_.path, 'package.json'), JSON.stringify({ version: '9.8.7' }));
  });
  afterEach(() => package_.remove());

  const put = (name: 'cuda' | 'shared', more = ''): void => {
    const file = join(binding, `libonnxruntime_providers_${name}.so`);
    copyFileSync(REAL_LIBRARY, file);
    writeFileSync(file, more, { flag: 'a' });
  };

  it('sees that the provider is not there, nor half of it', () => {
    expect(cudaFacts(binding)).toMatchObject({ engineVersion: '9.8.7', provider: 'absent', libraries: [] });
    put('cuda', '\x009.8.7\0');
    expect(cudaFacts(binding).provider).toBe('absent');
  });

  it('asks the loader for each library that the provider needs', () => {
    put('cuda', '\x009.8.7\0');
    put('shared');
    const { provider, libraries } = cudaFacts(binding);
    expect(provider).toBe('present');
    expect(libraries).toContainEqual({ name: 'libstdc++.so.6', isFound: true });
    expect(libraries).toContainEqual({ name: 'libc.so.6', isFound: true });
  });

  it('names a library that the loader cannot find', () => {
    put('cuda', '\x009.8.7\0');
    put('shared');
    const file = join(binding, 'libonnxruntime_providers_cuda.so');
    const bytes = Buffer.from(readFileSync(file));
    bytes.write('libgone.so.5', bytes.indexOf('libgcc_s.so.1\0'), 'latin1');
    writeFileSync(file, bytes);
    const missing = cudaFacts(binding).libraries.filter(({ isFound }) => !isFound);
    expect(missing.map(({ name }) => name)).toContain('libgone.so.51');
  });

  it('sees a provider of another version', () => {
    put('cuda', '\x009.8.70\0');
    put('shared');
    expect(cudaFacts(binding).provider).toBe('other-version');
  });

  it('sees a provider that was cut short', () => {
    put('cuda', '\x009.8.7\0');
    put('shared');
    writeFileSync(
      join(binding, 'libonnxruntime_providers_cuda.so'),
      readFileSync(REAL_LIBRARY).subarray(0, 100_000),
    );
    expect(cudaFacts(binding)).toMatchObject({ provider: 'incomplete', libraries: [] });
  });

  it('refuses a folder that belongs to no onnxruntime-node', () => {
    writeFileSync(join(package_.path, 'package.json'), '{"version": "../../etc"}');
    expect(() => cudaFacts(binding)).toThrow(/names no version of onnxruntime-node/);
  });
});

describe('fileHolds', () => {
  it('finds a text across the border of two pieces', () => {
    const folder = temporaryFolder();
    const file = join(folder.path, 'large');
    const bytes = Buffer.alloc(17 * 1024 * 1024, 'x');
    for (const at of [0, 8 * 1024 * 1024 - 3, 16 * 1024 * 1024 - 9, bytes.length - 6]) {
      writeFileSync(file, Buffer.from(bytes).fill('needle', at, at + 6));
      expect(fileHolds(file, 'needle'), `at ${at}`).toBe(true);
    }
    writeFileSync(file, bytes);
    expect(fileHolds(file, 'needle')).toBe(false);
    folder.remove();
  });
});
