import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findNonFinite, openCheckpoint } from '../src/index.ts';
import { readGgufHeader } from '../src/gguf-header.ts';
import { outcome, refusedCount } from './damage.ts';
import {
  ggufBytes,
  llama3Divisors,
  MIXED_METADATA,
  mixedGgufTensors,
  splitGguf,
  TINY_METADATA,
  tinyGgufTensors,
} from './gguf-bytes.ts';
import { DECI, DECI_TENSORS, STAND_IN_COUNTS } from './tiny-deci.ts';
import { temporaryFolder } from './tiny-model.ts';

const root = temporaryFolder();
const cacheFolder = join(root, 'cache');
const path = join(root, 'model.gguf');
const gguf = ggufBytes(TINY_METADATA, tinyGgufTensors());
const divisors = {
  name: 'rope_freqs.weight',
  type: 0,
  dimensions: [8],
  data: new Uint8Array(Float32Array.from(llama3Divisors(100000, 16, 8)).buffer),
};

/** Opens and reads a whole model; the cache folder must hold one entry of it then, or nothing if it is refused. */
async function openWhole(file: string): Promise<void> {
  rmSync(cacheFolder, { recursive: true, force: true });
  let entries = 0;
  try {
    await findNonFinite(await openCheckpoint(file, { cacheFolder }));
    entries = 1;
  } finally {
    expect(existsSync(cacheFolder) ? readdirSync(cacheFolder) : []).toHaveLength(entries);
  }
}

async function headerBytesOf(bytes: Buffer): Promise<number> {
  writeFileSync(path, bytes);
  return (await readGgufHeader(path)).headerBytes;
}

describe('a damaged GGUF is read, or refused with one CheckpointError and nothing in the cache', () => {
  it('with three values for every byte of the header', async () => {
    const headerBytes = await headerBytesOf(gguf);
    const outcomes = { opened: 0, refused: 0 };
    for (let at = 0; at < headerBytes; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const copy = Buffer.from(gguf);
        copy[at] ^= flip;
        writeFileSync(path, copy);
        outcomes[await outcome(() => readGgufHeader(path))]++;
      }
    }
    expect(outcomes.opened + outcomes.refused).toBe(3 * headerBytes);
    expect(outcomes.refused).toBeGreaterThan(headerBytes / 2);
  }, 60_000);

  it('cut off behind any byte of the header, and inside every tensor', async () => {
    const headerBytes = await headerBytesOf(gguf);
    const { tensors } = await readGgufHeader(path);
    const cuts = [
      ...Array.from({ length: headerBytes }, (_, length) => length),
      ...[...tensors.values()].flatMap(({ offsetBytes, lengthBytes }) => [
        offsetBytes,
        offsetBytes + lengthBytes - 1,
      ]),
    ];
    for (const length of cuts) {
      writeFileSync(path, gguf.subarray(0, length));
      expect([length, await outcome(() => openWhole(path))]).toEqual([length, 'refused']);
    }
  }, 60_000);

  it.each([
    ['float32', gguf, 300, 0],
    ['every quantized type', ggufBytes(MIXED_METADATA, mixedGgufTensors()), 200, 0],
    ['divisors of the rope', ggufBytes(TINY_METADATA, [divisors, ...tinyGgufTensors()]), 100, 32],
    ['layers that lack blocks', ggufBytes({ ...DECI, ...STAND_IN_COUNTS }, DECI_TENSORS), 200, 0],
  ] as const)(
    'damaged at random and decoded, with %s',
    async (_, bytes, runs, dataBytes) => {
      writeFileSync(path, bytes);
      await openWhole(path);
      const damagedBytes = (await headerBytesOf(bytes)) + dataBytes;
      const refused = await refusedCount(bytes, damagedBytes, runs, async (damaged) => {
        writeFileSync(path, damaged);
        await openWhole(path);
      });
      expect(refused).toBeGreaterThan(runs / 3);
    },
    60_000,
  );

  it('split into three parts, each of them damaged at random', async () => {
    const folder = join(root, 'split');
    mkdirSync(folder);
    const parts = splitGguf('model', 3);
    for (const { name, bytes } of parts) writeFileSync(join(folder, name), bytes);
    await openWhole(join(folder, parts[1].name));
    for (const { name, bytes } of parts) {
      const headerBytes = await headerBytesOf(bytes);
      const refused = await refusedCount(bytes, headerBytes, 100, async (damaged) => {
        writeFileSync(join(folder, name), damaged);
        await openWhole(join(folder, parts[1].name));
      });
      expect(refused).toBeGreaterThan(33);
      writeFileSync(join(folder, name), bytes);
    }
  }, 60_000);
});
