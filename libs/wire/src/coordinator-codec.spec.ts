import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coordinatorMessageArbitrary, mutated } from '../test/message-arbitrary.ts';
import { decodeCoordinatorMessage, encodeCoordinatorMessage } from './coordinator-codec.ts';
import { coordinatorMessageType } from './fleet-proto.ts';
import type { CoordinatorMessage as CoordinatorMessageProto } from './gen/blockpruner/v1/CoordinatorMessage.ts';
import type { SweepTask } from './gen/blockpruner/v1/SweepTask.ts';
import type { Welcome } from './gen/blockpruner/v1/Welcome.ts';
import { WireError } from './wire-error.ts';

const plan = { microBatchRows: 4, segmentCandidates: 8, headChunkTokens: 512, rowBucketTokens: 1 };
const welcome: Welcome = {
  protocol: 1,
  runId: 'run',
  model: { path: '/models/tiny', fingerprint: 'sha256:00' },
  heartbeatMs: 1000,
  longestRowTokens: 256,
};
const sweep: SweepTask = {
  taskId: 't',
  base: [3],
  candidates: [1, 2],
  baseline: false,
  rows: [{ index: 0, tokenIds: [1, 2, 3] }],
  plan,
};

function refusal(message: CoordinatorMessageProto): string {
  try {
    decodeCoordinatorMessage(coordinatorMessageType.serialize(message));
  } catch (error) {
    if (error instanceof WireError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('coordinator messages', () => {
  it('arrive as they were sent', () => {
    fc.assert(
      fc.property(coordinatorMessageArbitrary, (message) => {
        expect(decodeCoordinatorMessage(encodeCoordinatorMessage(message))).toEqual(message);
      }),
      { numRuns: 400 },
    );
  });

  it('arrive as another valid message, or as a WireError, when their bytes change on the way', () => {
    fc.assert(
      fc.property(mutated(coordinatorMessageArbitrary.map(encodeCoordinatorMessage)), (bytes) => {
        try {
          const message = decodeCoordinatorMessage(bytes);
          expect(decodeCoordinatorMessage(encodeCoordinatorMessage(message))).toEqual(message);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1500 },
    );
  });
});

describe('limits of coordinator messages', () => {
  it('let the messages through that the others are variations of', () => {
    expect(refusal({ welcome })).toBe('accepted');
    expect(refusal({ assign: { sweep } })).toBe('accepted');
  });

  it.each<[string, CoordinatorMessageProto, string]>([
    ['no kind', {}, 'a coordinator message is of no known kind'],
    ['a welcome without a model', { welcome: { ...welcome, model: null } }, 'welcome.model.path is missing'],
    [
      'a port that none can dial',
      { welcome: { ...welcome, artifacts: { port: 65_536 } } },
      'welcome.artifacts.port is 65536',
    ],
    [
      'a host that is more than one',
      { welcome: { ...welcome, artifacts: { port: 1, host: 'a b/c' } } },
      'welcome.artifacts.host is "a b/c"',
    ],
    ['too fast a heartbeat', { welcome: { ...welcome, heartbeatMs: 99 } }, 'welcome.heartbeatMs is 99'],
    [
      'a path with a line break',
      { welcome: { ...welcome, model: { path: 'a\r' } } },
      'welcome.model.path is "a\\r"',
    ],
    ['work of an unknown kind', { assign: {} }, 'assign.sweep is missing: must be present'],
    ['a task without a name', { assign: { sweep: { ...sweep, taskId: '' } } }, 'assign.sweep.taskId is ""'],
    [
      'a base out of order',
      { assign: { sweep: { ...sweep, base: [4, 3] } } },
      'assign.sweep.base[1] is 3: must be above 4',
    ],
    [
      'candidates out of order',
      { assign: { sweep: { ...sweep, candidates: [2, 1] } } },
      'assign.sweep.candidates[1] is 1',
    ],
    [
      'a candidate of the base',
      { assign: { sweep: { ...sweep, candidates: [1, 3] } } },
      'assign.sweep.candidates[1] is 3: must not be a block of base',
    ],
    [
      'nothing to evaluate',
      { assign: { sweep: { ...sweep, candidates: [] } } },
      'assign.sweep.baseline is false',
    ],
    ['no rows', { assign: { sweep: { ...sweep, rows: [] } } }, 'assign.sweep.rows has 0 elements'],
    [
      'a row of one token',
      { assign: { sweep: { ...sweep, rows: [{ index: 0, tokenIds: [1] }] } } },
      'assign.sweep.rows[0].tokenIds has 1 elements: must have 2 to 131072',
    ],
    [
      'a negative token id',
      { assign: { sweep: { ...sweep, rows: [{ index: 0, tokenIds: [1, -1] }] } } },
      'assign.sweep.rows[0].tokenIds[1] is 4294967295: must be a whole number from 0 to 2097151',
    ],
    [
      'a row that comes twice',
      { assign: { sweep: { ...sweep, rows: [...(sweep.rows ?? []), ...(sweep.rows ?? [])] } } },
      'assign.sweep.rows[1].index is 0: must differ',
    ],
    [
      'a task without a plan',
      { assign: { sweep: { ...sweep, plan: null } } },
      'assign.sweep.plan is missing',
    ],
    [
      'a plan of nothing',
      { assign: { sweep: { ...sweep, plan: {} } } },
      'assign.sweep.plan.microBatchRows is 0',
    ],
    [
      'too many rows',
      {
        assign: {
          sweep: {
            ...sweep,
            rows: Array.from({ length: 4097 }, (_, index) => ({ index, tokenIds: [1, 2] })),
          },
        },
      },
      'assign.sweep.rows has 4097 elements: must have at most 4096',
    ],
  ])('%s is rejected by name', (_, message, text) => {
    expect(refusal(message)).toContain(`bad-message: ${text}`);
  });

  it('a welcome to another protocol is a protocol error, whatever the other fields hold', () => {
    expect(refusal({ welcome: { protocol: 2 } })).toBe(
      'protocol: coordinator speaks protocol 2, this worker speaks 1: install the same blockpruner version on both',
    );
  });

  it('refuse to send what is larger than 32 MiB', () => {
    const model = { path: 'x'.repeat(33 * 1024 * 1024), fingerprint: 'f' };
    const message = {
      kind: 'welcome' as const,
      protocol: 1,
      runId: 'run',
      model,
      heartbeatMs: 1000,
      shapePlan: null,
      longestRowTokens: 256,
      microBatchRows: null,
      artifacts: null,
    };
    expect(() => encodeCoordinatorMessage(message)).toThrow(/^welcome has \d+ bytes: must fit in 33554432/);
  });
});
