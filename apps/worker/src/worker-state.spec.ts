import { Readiness } from '@blockpruner/monitoring';
import { describe, expect, it } from 'vitest';
import { ActivityClock } from './activity-clock.ts';
import { WorkerState } from './worker-state.ts';

const COORDINATOR = 'coordinator:50051';

function start() {
  const readiness = new Readiness('starting');
  let nowMs = 0;
  const clock = new ActivityClock(() => nowMs);
  const state = new WorkerState(readiness, COORDINATOR, clock);
  /** Lets a second pass. @returns what it went to */
  const second = (): string | undefined => {
    const before = clock.seconds();
    nowMs += 1000;
    return Object.entries(clock.seconds()).find(
      ([activity, sum]) => sum !== before[activity as 'waiting'],
    )?.[0];
  };
  return { readiness, state, second };
}

describe('WorkerState', () => {
  it('is ready while it is connected with the model loaded', () => {
    const { readiness, state } = start();
    state.dialling();
    expect(readiness.reason).toBe('dialling the coordinator coordinator:50051');
    state.welcomed();
    expect(readiness.reason).toContain('connected to coordinator coordinator:50051: looking for the model');
    state.loading(4711);
    expect(readiness.reason).toBe('connected to coordinator coordinator:50051: loading the model');
    state.ready();
    expect(readiness.isReady).toBe(true);
    state.loading(4712); // the compute process had died
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

  it('gives its time to one thing after the other', () => {
    const { state, second } = start();
    expect(second()).toBe('connecting');
    state.welcomed();
    expect(second()).toBe('loading');
    state.loading(4711);
    state.inHand(1, false); // assigned before the model is there
    expect(second()).toBe('loading');
    state.ready();
    expect(second()).toBe('computing');
    state.inHand(2, true);
    state.inHand(1, true);
    expect(second()).toBe('computing');
    state.inHand(0, true);
    expect(second()).toBe('sending');
    state.sent();
    expect(second()).toBe('waiting');
    state.inHand(1, false);
    state.loading(4712); // the compute process died
    expect(second()).toBe('loading');
    state.ready();
    expect(second()).toBe('computing');
    state.disconnected({ kind: 'lost', reason: 'gone', retryMs: 1000 });
    expect(second()).toBe('connecting');
    state.welcomed();
    state.ready();
    expect(second()).toBe('waiting');
    state.draining('terminated');
    state.inHand(1, false);
    state.leaving('terminated');
    expect(second()).toBe('draining');
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
