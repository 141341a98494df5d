import fc from 'fast-check';
import { expect } from 'vitest';
import { CheckpointError } from '../src/index.ts';

/** The outcome of opening a file that may be damaged; any other exception than CheckpointError fails the test. */
export async function outcome(open: () => Promise<unknown>): Promise<'opened' | 'refused'> {
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

/**
 * Damages the first `headerBytes` of good bytes at random, `runs` times.
 * @returns how often the damaged bytes were refused
 */
export async function refusedCount(
  bytes: Buffer,
  headerBytes: number,
  runs: number,
  tryOne: (bytes: Buffer) => Promise<unknown>,
): Promise<number> {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(damage(headerBytes), async (change) => {
      if ((await outcome(() => tryOne(change(bytes)))) === 'refused') refused++;
    }),
    { numRuns: runs },
  );
  return refused;
}
