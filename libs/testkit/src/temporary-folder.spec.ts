import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

it('a temporary folder is empty, is another one each time, and goes with what is in it', () => {
  const first = temporaryFolder();
  const second = temporaryFolder();
  expect(first.path).not.toBe(second.path);
  expect(readdirSync(first.path)).toEqual([]);
  writeFileSync(path.join(first.path, 'file'), 'text');
  first.remove();
  first.remove();
  second.remove();
  expect(existsSync(first.path)).toBe(false);
  expect(existsSync(second.path)).toBe(false);
});
