import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSafePath, parseDatasetReference, parseModelReference } from './reference.ts';

describe('parseModelReference', () => {
  it.each([
    ['org/name', 'org/name', 'main', null],
    ['Qwen/Qwen2.5-0.5B', 'Qwen/Qwen2.5-0.5B', 'main', null],
    ['a/b_c', 'a/b_c', 'main', null],
    ['org/name@v1.0', 'org/name', 'v1.0', null],
    ['org/name@refs/pr/3', 'org/name', 'refs/pr/3', null],
    [`org/name@${'a'.repeat(40)}`, 'org/name', 'a'.repeat(40), null],
    ['org/name/file.gguf', 'org/name', 'main', 'file.gguf'],
    ['org/name/Q4/file.gguf@dev', 'org/name', 'dev', 'Q4/file.gguf'],
  ])('reads %s', (text, repository, revision, file) => {
    expect(parseModelReference(text)).toEqual({ repository, revision, file });
  });

  it.each([
    '',
    'name',
    '/org/name',
    './org/name',
    '../name',
    'org/..',
    '~/name',
    '~user/name',
    'org/name/',
    'org//name',
    'a/b/c',
    'a/b/c/d/e.gguf',
    'folder/model.gguf',
    'folder/model.safetensors',
    'org/name/.gguf',
    'org/name/../x.gguf',
    'org/name@',
    'org/name@a..b',
    'org/name@/a',
    'org/name@a/',
    'org/name@-a',
    'org/name@a.lock',
    'org/name@a b',
    'org/name@a@b',
    'org/name@a:b',
    'org/na me',
    'org/na--me',
    'org/na..me',
    'org/-name',
    'org/name-',
    'org/.name',
    'org/name.git',
    'órg/name',
    'hf:org/name',
    'C:\\models\\x',
    'org\\name',
    `org/${'x'.repeat(97)}`,
    'org/name\n',
    'org/name/x.gguf\0',
  ])('takes %j for a path', (text) => {
    expect(parseModelReference(text)).toBeNull();
  });
});

describe('parseDatasetReference', () => {
  it.each([
    ['hf:tatsu-lab/alpaca', 'tatsu-lab/alpaca', 'main', 'train'],
    ['hf:org/name:validation', 'org/name', 'main', 'validation'],
    ['hf:org/name@v1:test', 'org/name', 'v1', 'test'],
    ['hf:org/name@refs/convert/parquet', 'org/name', 'refs/convert/parquet', 'train'],
  ])('reads %s', (text, repository, revision, split) => {
    expect(parseDatasetReference(text)).toEqual({ repository, revision, split });
  });

  it.each([
    'org/name',
    'hf:',
    'hf:name',
    'hf:org/name:',
    'hf:a/b:c:d',
    'hf:a/b:../c',
    'hf:a/b/c',
    'HF:a/b',
    'hf://a/b',
  ])('takes %j for no dataset', (text) => {
    expect(parseDatasetReference(text)).toBeNull();
  });
});

describe('what is read', () => {
  it('never leads out of a folder, whatever the text', () => {
    const part = fc.string({ unit: fc.constantFrom(...'ab.-_/@:\\~ \0\n%'), maxLength: 30 });
    const texts = fc.oneof(
      part,
      part.map((text) => `hf:${text}`),
      part.map((text) => `o/n@${text}`),
      part.map((text) => `o/n/${text}.gguf`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const reference = parseModelReference(text);
        const dataset = parseDatasetReference(text);
        for (const path of [
          reference?.repository,
          reference?.revision,
          reference?.file,
          dataset?.repository,
          dataset?.revision,
          dataset?.split,
        ]) {
          if (path !== undefined && path !== null) expect(isSafePath(path)).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('is read in no time, however long the text', () => {
    for (const text of [
      'a'.repeat(1e6),
      'a/'.repeat(1e6),
      `o/n@${'a-'.repeat(1e6)}`,
      `hf:o/n:${'a.'.repeat(1e6)}`,
      `a/${'a.'.repeat(200)}`,
    ]) {
      expect(parseModelReference(text) ?? parseDatasetReference(text)).toBeNull();
    }
  });
});
