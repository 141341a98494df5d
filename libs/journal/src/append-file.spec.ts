import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runPath } from '../test/example-run.ts';
import { AppendFile } from './append-file.ts';

describe('AppendFile', () => {
  it('appends at the end and says where', () => {
    const file = new AppendFile(runPath(), 0);
    expect([file.append(Buffer.from('ab')), file.append(Buffer.from('cde')), file.lengthBytes]).toEqual([
      0, 2, 5,
    ]);
    file.syncNow();
    expect(readFileSync(file.path, 'latin1')).toBe('abcde');
    file.close();
  });

  it('takes appends back', async () => {
    const file = new AppendFile(runPath(), 0);
    file.append(Buffer.from('kept'));
    file.append(Buffer.from('not kept'));
    file.rewind(4);
    await file.sync();
    expect(readFileSync(file.path, 'latin1')).toBe('kept');
    file.close();
  });

  it('names the path, the errno and the way out when the disk is full, and stays at its length', () => {
    const file = new AppendFile('/dev/full', 0);
    expect(() => file.append(Buffer.from('x'))).toThrow(
      'cannot append to /dev/full: ENOSPC; the disk is full: free some space, then resume',
    );
    expect(file.lengthBytes).toBe(0);
    file.close();
  });

  it('writes nothing more once a sync has failed', async () => {
    const file = new AppendFile('/dev/null', 0); // A device that cannot be synced.
    await expect(file.sync()).rejects.toThrow(/^cannot sync \/dev\/null: EINVAL/);
    expect(() => file.append(Buffer.from('x'))).toThrow(/cannot sync/);
    expect(() => file.syncNow()).toThrow(/cannot sync/);
    file.close();
  });
});
