import { Readiness } from '@blockpruner/monitoring';
import { describe, expect, it } from 'vitest';
import { WorkerState } from './worker-state.ts';

const COORDINATOR = 'coordinator:50051';

function start() {
  const readiness = new Readiness('starting');
  return { readiness, state: new WorkerState(readiness, COORDINATOR) };
}

describe('WorkerState', () => {
  it('is ready while it is connected with the model loaded', () => {
    const { readiness, state } = start();
    expect(readiness.reason).toBe('dialling the coordinator coordinator:50051');
    state.welcomed();
    expect(readiness.reason).toContain('connected to coordinator coordinator:50051: looking for the model');
    state.loading();
    expect(readiness.reason).toBe('connected to coordinator coordinator:50051: loading the model');
    state.ready();
    expect(readiness.isReady).toBe(true);
    state.loading(); // the compute process had died
    expect(readiness.isReady).toBe(false);
    state.ready();
    state.finished();
    expect(readiness.reason).toContain('has finished: waiting for the next one');
  });

  it.each([
    ['refused', 'refused by coordinator c: another token'],
    ['failed', "the coordinator's run cannot be served: coordinator c: another token"],
    ['lost', 'connection lost: coordinator c: another token'],
    ['unreachable', 'no coordinator yet: coordinator c: another token'],
  ] as const)('says why it is not connected: %s', (kind, reason) => {
    const { readiness, state } = start();
    state.ready();
    state.disconnected({ kind, reason: 'coordinator c: another token', retryMs: 1000 });
    expect(readiness.reason).toBe(reason);
  });

  it.each(['draining', 'leaving'] as const)('is not ready again once it is %s', (how) => {
    const { readiness, state } = start();
    state.ready();
    state[how]('terminated');
    expect(readiness.reason).toBe(`${how}: terminated`);
    state.welcomed();
    state.ready();
    state.disconnected({ kind: 'lost', reason: 'gone', retryMs: 1000 });
    expect(readiness.reason).toBe(`${how}: terminated`);
  });
});
