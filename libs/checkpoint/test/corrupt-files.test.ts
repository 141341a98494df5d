import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findNonFinite, openCheckpoint } from '../src/index.ts';
import { readSafetensorsHeader } from '../src/safetensors-header.ts';
import { outcome, refusedCount } from './damage.ts';
import { temporaryFolder, TINY_CONFIG, writeTinyFolder } from './tiny-model.ts';
import { tinyAwq, tinyFp8, tinyGptq, writeQuantized } from './tiny-quantized.ts';

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

  it('config.json, with two values for every byte', async () => {
    const folder = join(root, 'config-bytes');
    mkdirSync(folder);
    await writeTinyFolder(folder);
    const bytes = Buffer.from(JSON.stringify(TINY_CONFIG));
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80]) {
        bytes[at] ^= flip;
        writeFileSync(join(folder, 'config.json'), bytes);
        if ((await outcome(() => openCheckpoint(folder, { cacheFolder }))) === 'refused') refused++;
        bytes[at] ^= flip;
      }
    }
    expect(refused).toBeGreaterThan(bytes.length); // no text is UTF-8 with the top bit of one byte set
  }, 60_000);

  it('an index, with two values for every byte', async () => {
    const folder = join(root, 'index-bytes');
    mkdirSync(folder);
    await writeTinyFolder(folder);
    const single = join(folder, 'model.safetensors');
    const shard = 'model-00001-of-00001.safetensors';
    const { tensors } = await readSafetensorsHeader(single);
    writeFileSync(join(folder, shard), readFileSync(single));
    rmSync(single);
    const weight_map = Object.fromEntries([...tensors.keys()].map((name) => [name, shard]));
    const bytes = Buffer.from(JSON.stringify({ weight_map }));
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80]) {
        bytes[at] ^= flip;
        writeFileSync(join(folder, 'model.safetensors.index.json'), bytes);
        if ((await outcome(() => openCheckpoint(folder, { cacheFolder }))) === 'refused') refused++;
        bytes[at] ^= flip;
      }
    }
    expect(refused).toBe(2 * bytes.length); // every byte is part of a name, or of the syntax
  }, 60_000);
});

describe('a damaged quantized folder is decoded, or refused and leaves nothing in the cache', () => {
  const left = () => (existsSync(cacheFolder) ? readdirSync(cacheFolder) : []);
  const kinds = [
    ['gptq', tinyGptq({}, true)],
    ['awq', tinyAwq()],
    ['fp8', tinyFp8('blocks')],
    ['compressed-tensors', tinyFp8('rows')],
  ] as const;

  /** Opens it; either one whole entry is in the cache then, or nothing is. */
  async function decodesOrLeavesNothing(folder: string): Promise<void> {
    const result = await outcome(() => openCheckpoint(folder, { cacheFolder }));
    const entries = left();
    expect(entries).toHaveLength(result === 'opened' ? 1 : 0);
    rmSync(cacheFolder, { recursive: true, force: true });
    // So that it is counted.
    if (result === 'refused') await openCheckpoint(folder, { cacheFolder });
  }

  it.each(kinds)(
    '%s: quantization_config, at random',
    async (name, tiny) => {
      const folder = join(root, `${name}-config`);
      mkdirSync(folder);
      writeQuantized(folder, tiny);
      const bytes = readFileSync(join(folder, 'config.json'));
      const start = bytes.indexOf('"quantization_config"');
      const tail = bytes.subarray(start);
      const refused = await refusedCount(tail, tail.length, 150, async (damaged) => {
        writeFileSync(join(folder, 'config.json'), Buffer.concat([bytes.subarray(0, start), damaged]));
        await decodesOrLeavesNothing(folder);
      });
      expect(refused).toBeGreaterThan(50);
    },
    60_000,
  );

  it.each(kinds)(
    '%s: the header of the packed tensors, at random',
    async (name, tiny) => {
      const folder = join(root, `${name}-header`);
      mkdirSync(folder);
      writeQuantized(folder, tiny);
      const path = join(folder, 'model.safetensors');
      const { headerBytes } = await readSafetensorsHeader(path);
      const refused = await refusedCount(readFileSync(path), headerBytes, 200, async (bytes) => {
        writeFileSync(path, bytes);
        await decodesOrLeavesNothing(folder);
      });
      expect(refused).toBeGreaterThan(100);
    },
    60_000,
  );
});
