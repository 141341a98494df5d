import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError, findNonFinite, openCheckpoint } from '../src/index.ts';
import { readGgufHeader } from '../src/gguf-header.ts';
import { readSafetensorsHeader } from '../src/safetensors-header.ts';
import { ggufBytes, TINY_METADATA, tinyGgufTensors } from './gguf-bytes.ts';
import { temporaryFolder, TINY_CONFIG, writeTinyFolder } from './tiny-model.ts';

const root = temporaryFolder();
const cacheFolder = join(root, 'cache');

/** The outcome of opening a file that may be damaged; any other exception than CheckpointError fails the test. */
async function outcome(open: () => Promise<unknown>): Promise<'opened' | 'refused'> {
  try {
    await open();
    return 'opened';
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    expect(error.message).toMatch(/^\/[^\p{Cc}]{1,398}$/u);
    return 'refused';
  }
}

/** One to three bytes changed, a cut, or bytes put in, in the first `length` bytes. */
function damage(length: number): fc.Arbitrary<(bytes: Buffer) => Buffer> {
  const position = fc.nat({ max: length - 1 });
  const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 0x22, 0x2c, 0x7f, 0x80, 0xff));
  return fc.oneof(
    fc.array(fc.tuple(position, byte), { minLength: 1, maxLength: 3 }).map((changes) => (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    }),
    position.map((at) => (bytes: Buffer) => bytes.subarray(0, at)),
    fc
      .tuple(position, fc.uint8Array({ minLength: 1, maxLength: 9 }))
      .map(([at, extra]) => (bytes: Buffer) => {
        return Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at)]);
      }),
  );
}

async function refusedCount(
  bytes: Buffer,
  headerBytes: number,
  runs: number,
  tryOne: (bytes: Buffer) => Promise<unknown>,
) {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(damage(headerBytes), async (change) => {
      if ((await outcome(() => tryOne(change(bytes)))) === 'refused') refused++;
    }),
    { numRuns: runs },
  );
  return refused;
}

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

  const gguf = ggufBytes(TINY_METADATA, tinyGgufTensors());
  const path = join(root, 'model.gguf');

  it('GGUF, with three values for every byte of the header', async () => {
    writeFileSync(path, gguf);
    const { headerBytes } = await readGgufHeader(path);
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

  it('GGUF, damaged at random and decoded', async () => {
    writeFileSync(path, gguf);
    const { headerBytes } = await readGgufHeader(path);
    const refused = await refusedCount(gguf, headerBytes, 300, async (bytes) => {
      writeFileSync(path, bytes);
      await findNonFinite(await openCheckpoint(path, { cacheFolder }));
      rmSync(cacheFolder, { recursive: true });
    });
    expect(refused).toBeGreaterThan(100);
  }, 60_000);
});
