import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { durableBytes, keptBytes, SYNC_BYTES, writeDurably } from './durable-file.ts';
import { patternFile } from '../test/pattern-file.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const FILE = patternFile('large.bin', 2 * SYNC_BYTES + 1000);
let whole: Buffer;
beforeAll(async () => {
  await writeDurably(join(folder.path, 'whole'), FILE, 0, () => undefined);
  whole = readFileSync(join(folder.path, 'whole'));
});

describe('durableBytes', () => {
  it('counts to the last sync point that bytes were written behind', () => {
    expect([0, 1, SYNC_BYTES].map(durableBytes)).toEqual([0, 0, 0]);
    expect([SYNC_BYTES + 1, 2 * SYNC_BYTES].map(durableBytes)).toEqual([SYNC_BYTES, SYNC_BYTES]);
  });
});

describe('writeDurably', () => {
  it('writes all bytes, and nothing under another name', () => {
    expect(whole.length).toBe(FILE.sizeBytes);
    expect(existsSync(join(folder.path, 'whole.incomplete'))).toBe(false);
  });

  it('goes on from the last sync point, over what may not have reached the disk', async () => {
    const path = join(folder.path, 'torn');
    const torn = Buffer.from(whole);
    torn.fill(0xff, SYNC_BYTES);
    writeFileSync(`${path}.incomplete`, torn);
    truncateSync(`${path}.incomplete`, SYNC_BYTES + 5);
    expect(await keptBytes(path, FILE)).toBe(SYNC_BYTES);
    let written = 0;
    await writeDurably(path, FILE, SYNC_BYTES, (bytes) => (written += bytes));
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(written).toBe(FILE.sizeBytes - SYNC_BYTES);
    expect(await keptBytes(path, FILE)).toBe(FILE.sizeBytes);
  });

  it('stops at an abort, and leaves what it has', async () => {
    const path = join(folder.path, 'aborted');
    const controller = new AbortController();
    let written = 0;
    const onWritten = (bytes: number): void => {
      written += bytes;
      if (written >= SYNC_BYTES) controller.abort(new Error('stopped'));
    };
    await expect(writeDurably(path, FILE, 0, onWritten, controller.signal)).rejects.toThrow('stopped');
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}.incomplete`).equals(whole.subarray(0, written))).toBe(true);
  });

  it('refuses a file that becomes another size than planned', async () => {
    const path = join(folder.path, 'short');
    const short = { ...patternFile('short', 10), sizeBytes: 12 };
    await expect(writeDurably(path, short, 0, () => undefined)).rejects.toThrow(
      `${path}: became 10 bytes, planned are 12`,
    );
    expect(existsSync(path)).toBe(false);
  });
});

describe('keptBytes', () => {
  it('keeps nothing of a small file, which may have another content of the same size', async () => {
    const path = join(folder.path, 'small');
    writeFileSync(path, 'abc');
    expect(await keptBytes(path, patternFile('small', 3))).toBe(0);
  });

  it('keeps no file of another size', async () => {
    const path = join(folder.path, 'other');
    writeFileSync(path, whole.subarray(1));
    expect(await keptBytes(path, FILE)).toBe(0);
  });
});
