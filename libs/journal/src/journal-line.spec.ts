import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLine, encodeLine, MAX_LINE_BYTES } from './journal-line.ts';

const EVENT = { kind: 'worker-joined', host: 'ß"\\\n', memory: 12.5 };

describe('encodeLine', () => {
  it('makes one line of JSON that reads back', () => {
    const line = encodeLine(EVENT);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line.toString())).toEqual({
      crc: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
      event: EVENT,
    });
    expect(decodeLine(line.subarray(0, -1))).toEqual(EVENT);
  });

  it('uses CRC32C', () => {
    expect(encodeLine({}).toString()).toBe('{"crc":"297bd0aa","event":{}}\n');
  });

  it('refuses an event that no reader would take', () => {
    expect(() => encodeLine({ text: 'x'.repeat(MAX_LINE_BYTES) })).toThrow(/over the limit/);
  });
});

describe('decodeLine', () => {
  it('finds any flipped bit', () => {
    const line = encodeLine(EVENT).subarray(0, -1);
    fc.assert(
      fc.property(fc.nat(8 * line.length - 1), (bit) => {
        const damaged = Buffer.from(line);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        expect(() => decodeLine(damaged)).toThrow();
      }),
    );
  });

  it('throws for any other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(() => decodeLine(Buffer.from(bytes))).toThrow();
      }),
    );
  });
});
