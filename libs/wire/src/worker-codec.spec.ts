import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutated, workerMessageArbitrary } from '../test/message-arbitrary.ts';
import { workerMessageType } from './fleet-proto.ts';
import type { Cell__Output } from './gen/blockpruner/v1/Cell.ts';
import type { Hello as HelloProto } from './gen/blockpruner/v1/Hello.ts';
import type { WorkerMessage as WorkerMessageProto } from './gen/blockpruner/v1/WorkerMessage.ts';
import { decodeWorkerMessage, encodeWorkerMessage } from './worker-codec.ts';
import { WireError } from './wire-error.ts';

const hello: HelloProto = {
  protocolMin: 1,
  protocolMax: 1,
  workerId: 'w1',
  name: 'node-7:4711',
  numericClass: 'cpu-avx512-fp32',
  device: 'cpu',
  memoryBytes: 1024,
  threads: 4,
  version: '0.1.0',
};

const cell: Cell__Output = { mask: [1, 5], candidate: 7, row: 0, windowSums: [1, 2] };

function refusal(message: WorkerMessageProto): string {
  try {
    decodeWorkerMessage(workerMessageType.serialize(message));
  } catch (error) {
    if (error instanceof WireError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('worker messages', () => {
  it('arrive as they were sent', () => {
    fc.assert(
      fc.property(workerMessageArbitrary, (message) => {
        expect(decodeWorkerMessage(encodeWorkerMessage(message))).toEqual(message);
      }),
      { numRuns: 400 },
    );
  });

  it('arrive as another valid message, or as a WireError, when their bytes change on the way', () => {
    fc.assert(
      fc.property(mutated(workerMessageArbitrary.map(encodeWorkerMessage)), (bytes) => {
        try {
          const message = decodeWorkerMessage(bytes);
          expect(decodeWorkerMessage(encodeWorkerMessage(message))).toEqual(message);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('are a WireError when they are any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          expect(decodeWorkerMessage(Buffer.from(bytes))).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('keep NaN, infinities and the sign of zero in window sums', () => {
    const windowSums = Float64Array.of(NaN, Infinity, -Infinity, -0, 5e-324);
    const message = {
      kind: 'cells' as const,
      taskId: 't',
      cells: [{ mask: [], candidate: null, row: 3, windowSums }],
    };
    expect(decodeWorkerMessage(encodeWorkerMessage(message))).toEqual(message);
  });
});

describe('limits of a hello', () => {
  it.each<[HelloProto, string]>([
    [{ protocolMin: 0 }, 'hello.protocolMin is 0: must be a whole number from 1 to 65535'],
    [{ protocolMin: 2, protocolMax: 1 }, 'hello.protocolMax is 1: must be at least protocolMin, 2'],
    [{ workerId: '' }, 'hello.workerId is "": must be 1 to 128 characters, none of them a control character'],
    [
      { name: 'a\nb' },
      'hello.name is "a\\nb": must be 1 to 256 characters, none of them a control character',
    ],
    [{ memoryBytes: 0 }, 'hello.memoryBytes is 0: must be a whole number from 1 to 9007199254740991'],
    [
      { memoryBytes: '9007199254740993' },
      'hello.memoryBytes is 9007199254740992: must be a whole number from 1',
    ],
    [{ threads: 4097 }, 'hello.threads is 4097: must be a whole number from 1 to 4096'],
    [{ version: 'v'.repeat(129) }, `hello.version is "${'v'.repeat(40)}"…: must be 1 to 128 characters`],
  ])('%j is rejected by name', (change, text) => {
    expect(refusal({ hello: { ...hello, ...change } })).toContain(`bad-message: ${text}`);
  });

  it('a version range without ours is a protocol error, whatever the other fields hold', () => {
    expect(refusal({ hello: { protocolMin: 3, protocolMax: 4 } })).toBe(
      'protocol: worker speaks protocol 3 to 4, this coordinator speaks 1: install the same blockpruner version on both',
    );
    expect(refusal({ hello: { protocolMin: 2, protocolMax: 2 } })).toContain(
      'worker speaks protocol 2, this',
    );
  });
});

describe('limits of the other messages', () => {
  it.each<[string, WorkerMessageProto, string]>([
    ['no kind', {}, 'a worker message is of no known kind'],
    ['an empty fingerprint', { ready: {} }, 'ready.modelFingerprint is ""'],
    ['draining without a task', { draining: { reason: 'terminated' } }, 'draining.taskId is ""'],
    ['a batch without cells', { cells: { taskId: 't' } }, 'cells.cells has 0 elements: must have 1 to 65536'],
    [
      'a mask out of order',
      { cells: { taskId: 't', cells: [cell, { ...cell, mask: [5, 1] }] } },
      'cells.cells[1].mask[1] is 1: must be above 5, the one before it',
    ],
    [
      'a block named twice',
      { cells: { taskId: 't', cells: [{ ...cell, mask: [5, 5] }] } },
      'cells[0].mask[1] is 5',
    ],
    [
      'a block beyond 2047',
      { cells: { taskId: 't', cells: [{ ...cell, mask: [2048] }] } },
      'mask[0] is 2048',
    ],
    [
      'a candidate that the mask removed',
      { cells: { taskId: 't', cells: [{ ...cell, candidate: 5 }] } },
      'cells.cells[0].candidate is 5: must not be a block of the mask',
    ],
    [
      'a row out of range',
      { cells: { taskId: 't', cells: [{ ...cell, row: 1 << 20 }] } },
      'cells[0].row is 1048576',
    ],
    [
      'a cell without windows',
      { cells: { taskId: 't', cells: [{ ...cell, windowSums: [] }] } },
      'windowSums has 0 elements',
    ],
    [
      'more windows than the longest row has',
      { cells: { taskId: 't', cells: [{ ...cell, windowSums: Array<number>(8193).fill(0) }] } },
      'cells.cells[0].windowSums has 8193 elements: must have 1 to 8192',
    ],
    [
      'cells of one row that differ in their windows',
      { cells: { taskId: 't', cells: [cell, { ...cell, candidate: 8, windowSums: [1] }] } },
      'cells.cells[1].windowSums has 1 elements: row 0 has 2 in an earlier cell',
    ],
    ['a negative time', { taskDone: { taskId: 't', computeSeconds: -1 } }, 'taskDone.computeSeconds is -1'],
    [
      'a time that is not a number',
      { taskDone: { taskId: 't', computeSeconds: NaN } },
      'taskDone.computeSeconds is NaN',
    ],
  ])('%s is rejected by name', (_, message, text) => {
    expect(refusal(message)).toContain('bad-message: ');
    expect(refusal(message)).toContain(text);
  });

  it('cut a reason to one line of 400 characters', () => {
    const decoded = decodeWorkerMessage(
      workerMessageType.serialize({ failed: { reason: `no\nmodel ${'x'.repeat(500)}` } }),
    );
    expect(decoded).toEqual({ kind: 'failed', reason: `no model ${'x'.repeat(390)}…` });
  });

  it('refuse a small message of very many cells before it is unfolded', () => {
    const cells = Buffer.alloc(65_537 * 2);
    for (let i = 0; i < cells.length; i += 2) cells[i] = 0x12;
    const length = Buffer.from([
      0x22,
      (cells.length & 0x7f) | 0x80,
      ((cells.length >> 7) & 0x7f) | 0x80,
      cells.length >> 14,
    ]);
    expect(() => decodeWorkerMessage(Buffer.concat([length, cells]))).toThrow(
      'cells.cells has 65537 elements: must have at most',
    );
  });

  it('refuse to send what is larger than 32 MiB', () => {
    const windowSums = new Float64Array(8192);
    const cells = Array.from({ length: 512 }, (_, row) => ({ mask: [], candidate: null, row, windowSums }));
    expect(() => encodeWorkerMessage({ kind: 'cells', taskId: 't', cells })).toThrow(
      /^cells has \d+ bytes: must fit/,
    );
  });
});
