import { describe, expect, it } from 'vitest';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';

describe('CheckpointError', () => {
  it('has a message of one line under 400 characters that keeps its start and its end', () => {
    const { message } = new CheckpointError(
      'malformed',
      `/model: tensor ${'x\n\u001b'.repeat(5000)} is odd: use another`,
    );
    expect(message.length).toBeLessThan(400);
    expect(message).toMatch(/^\/model: tensor x x [^\p{Cc}]* is odd: use another$/u);
  });
});

describe('fromFileSystem', () => {
  const systemError = (code: string) =>
    Object.assign(new Error(`${code}: broke`), { code, syscall: 'write' });

  it('a full disk says how to choose another cache folder', () => {
    const error = fromFileSystem(systemError('ENOSPC'), '/cache/entry') as CheckpointError;
    expect([error.code, error.message]).toEqual([
      'disk-full',
      expect.stringMatching(/^\/cache\/entry: .*--cache-dir$/),
    ]);
  });

  it.each([
    ['ENOENT', 'not-found'],
    ['EACCES', 'unreadable'],
    ['EIO', 'unreadable'],
  ])('%s becomes %s', (systemCode, code) => {
    expect(fromFileSystem(systemError(systemCode), '/x')).toMatchObject({ name: 'CheckpointError', code });
  });

  it('leaves other errors alone', () => {
    const defect = new TypeError('defect');
    expect(fromFileSystem(defect, '/x')).toBe(defect);
  });
});
