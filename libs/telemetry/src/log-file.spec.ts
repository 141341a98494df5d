import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogFile } from './log-file.ts';

describe('LogFile', () => {
  it('writes again as soon as it can, and reports only the first failure', () => {
    const folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
    try {
      const failures: unknown[] = [];
      const path = join(folder, 'later', 'log.jsonl');
      const file = new LogFile(path, (error) => failures.push(error));
      file.write('lost\n');
      file.write('lost too\n');
      mkdirSync(join(folder, 'later'));
      file.write('kept\n');
      file.close();
      file.write('after close\n');
      expect(readFileSync(path, 'utf8')).toBe('kept\n');
      expect(failures).toEqual([expect.objectContaining({ code: 'ENOENT' })]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
