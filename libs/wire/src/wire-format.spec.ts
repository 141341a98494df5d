import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coordinatorMessageType } from './fleet-proto.ts';
import { WireError } from './wire-error.ts';
import { countEntries } from './wire-format.ts';

describe('countEntries', () => {
  it('counts the entries at the end of the path', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.array(fc.nat(2 ** 32 - 1)), (rowCount, base) => {
        const rows = Array.from({ length: rowCount }, (_, index) => ({ index, tokenIds: [index, 300] }));
        const bytes = coordinatorMessageType.serialize({
          assign: { sweep: { taskId: 't', base, rows, baseline: true } },
        });
        expect(countEntries(bytes, [2, 1, 5])).toBe(rowCount);
        expect(countEntries(bytes, [1, 1, 5])).toBe(0);
      }),
    );
  });

  it('steps over fixed-size fields', () => {
    expect(countEntries(Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 0, 0, 0x1a, 0]), [3])).toBe(1);
  });

  it.each([
    ['a cut-off number', [0x08, 0x80], 'ends inside a number'],
    ['an endless number', [0x08, ...Array<number>(11).fill(0xff)], 'more than 10 bytes'],
    ['a length beyond the end', [0x0a, 0x05, 0x00], 'ends inside a field'],
    ['a huge length', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f], 'ends inside a field'],
    ['a cut-off double', [0x09, 0, 0], 'ends inside a field'],
    ['a group', [0x0b, 0x0c], 'wire type 3'],
  ])('%s is not protobuf', (_, bytes, text) => {
    expect(() => countEntries(Buffer.from(bytes), [1])).toThrow(WireError);
    expect(() => countEntries(Buffer.from(bytes), [1])).toThrow(text);
  });
});
