import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { readPrompt } from './prompt.ts';

const bytes = (...chunks: (string | Uint8Array)[]): Readable =>
  Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

it('is what is given, or what standard input has', async () => {
  expect(await readPrompt('a text', bytes())).toBe('a text');
  const llama = Buffer.from('🦙');
  expect(await readPrompt('-', bytes('the ', llama.subarray(0, 1), llama.subarray(1), '\n'))).toBe(
    'the 🦙\n',
  );
});

it.each<[string, Readable, RegExp]>([
  ['nothing', bytes(), /is empty: give a text$/],
  ['no text', bytes('a', Uint8Array.of(0xff)), /is not valid UTF-8: give a text in UTF-8$/],
  ['half a character', bytes(Buffer.from('🦙').subarray(0, 2)), /is not valid UTF-8/],
  [
    'more than any model takes',
    bytes(...new Array<Buffer>(65).fill(Buffer.alloc(2 ** 20))),
    /more than 67108864 bytes/,
  ],
])('is refused where standard input has %s', async (_what, input, reason) => {
  await expect(readPrompt('-', input)).rejects.toThrow(reason);
});
