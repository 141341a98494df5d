import { basename, join, normalize, win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { folderOfFingerprint, isSafeName } from './artifact-name.ts';

describe('isSafeName', () => {
  it.each([
    'config.json',
    'model-00001-of-00003.safetensors',
    'Qwen3 8B (Q4_K_M).gguf',
    'モデル.gguf',
    'a'.repeat(255),
  ])('takes %s', (name) => expect(isSafeName(name)).toBe(true));

  it.each([
    '',
    '.',
    '..',
    '../x',
    '/etc/passwd',
    'a/b',
    'a/../../b',
    '..\\x',
    'C:\\x',
    'c:x',
    'x\0.gguf',
    'x\n',
    '.bashrc',
    'a'.repeat(256),
    'モ'.repeat(86),
    '\ud800',
  ])('does not take %j', (name) => expect(isSafeName(name)).toBe(false));

  it('takes nothing that leads out of a folder', () => {
    const parts = fc.constantFrom('..', '.', '/', '\\', 'a', '%2e', '\0', ':', '~', ' ');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(parts).map((all) => all.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (name) => {
          if (!isSafeName(name)) return;
          expect(normalize(join('/folder', name))).toBe(`/folder/${name}`);
          expect([basename(name), win32.basename(name)]).toEqual([name, name]);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('folderOfFingerprint', () => {
  it('names a folder for a SHA-256 and for nothing else', () => {
    const digits = '0123456789abcdef'.repeat(4);
    expect(folderOfFingerprint(`sha256:${digits}`)).toBe(digits);
    for (const odd of [
      '',
      digits,
      `sha256:../${digits}`,
      `sha256:${digits.toUpperCase()}`,
      `sha256:${digits}/..`,
    ]) {
      expect(folderOfFingerprint(odd)).toBeNull();
    }
  });
});
