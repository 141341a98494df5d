import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findNonFinite, openCheckpoint } from '../src/index.ts';
import { readSafetensorsHeader } from '../src/safetensors-header.ts';
import { outcome, refusedCount } from './damage.ts';
import { temporaryFolder, TINY_CONFIG, writeTinyFolder } from './tiny-model.ts';

const root = temporaryFolder();
const cacheFolder = join(root, 'cache');

describe('a damaged file is read, or refused with one CheckpointError', () => {
  it('safetensors, with three values for every byte of the header', async () => {
    const folder = join(root, 'bytes');
    mkdirSync(folder);
    await writeTinyFolder(folder);
    const path = join(folder, 'model.safetensors');
    const { headerBytes } = await readSafetensorsHeader(path);
    const bytes = readFileSync(path);
    let refused = 0;
    for (let at = 0; at < headerBytes; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        bytes[at] ^= flip;
        writeFileSync(path, bytes.subarray(0, headerBytes));
        if ((await outcome(() => readSafetensorsHeader(path))) === 'refused') refused++;
        bytes[at] ^= flip;
      }
    }
    expect(refused).toBe(3 * headerBytes); // without its data, no header is right
  }, 60_000);

  it('safetensors, damaged at random', async () => {
    const folder = join(root, 'random');
    mkdirSync(folder);
    await writeTinyFolder(folder);
    const path = join(folder, 'model.safetensors');
    const { headerBytes } = await readSafetensorsHeader(path);
    const refused = await refusedCount(readFileSync(path), headerBytes, 400, async (bytes) => {
      writeFileSync(path, bytes);
      await findNonFinite(await openCheckpoint(folder, { cacheFolder }));
    });
    expect(refused).toBeGreaterThan(100);
  }, 60_000);

  it('config.json, damaged at random', async () => {
    const folder = join(root, 'config');
    mkdirSync(folder);
    await writeTinyFolder(folder);
    const config = Buffer.from(JSON.stringify(TINY_CONFIG));
    const refused = await refusedCount(config, config.length, 400, async (bytes) => {
      writeFileSync(join(folder, 'config.json'), bytes);
      await openCheckpoint(folder, { cacheFolder });
    });
    expect(refused).toBeGreaterThan(100);
  }, 60_000);
});
