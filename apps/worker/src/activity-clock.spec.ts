import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ActivityClock } from './activity-clock.ts';

const ACTIVITIES = ['connecting', 'loading', 'waiting', 'computing', 'sending', 'draining'] as const;

describe('ActivityClock', () => {
  it('gives each moment to one activity, the present one included', () => {
    let nowMs = 5000;
    const clock = new ActivityClock(() => nowMs);
    nowMs += 1000;
    clock.become('loading');
    nowMs += 2000;
    expect(clock.seconds()).toMatchObject({ connecting: 1, loading: 2, waiting: 0 });
    nowMs += 500;
    clock.become('loading');
    nowMs += 500;
    clock.become('computing');
    clock.become('waiting');
    nowMs += 250;
    expect(clock.seconds()).toEqual({
      connecting: 1,
      loading: 3,
      waiting: 0.25,
      computing: 0,
      sending: 0,
      draining: 0,
    });
  });

  it('adds up to the time since its start', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(...ACTIVITIES), fc.nat({ max: 1000 })));
    fc.assert(
      fc.property(steps, (list) => {
        let nowMs = 0;
        const clock = new ActivityClock(() => nowMs);
        for (const [activity, ms] of list) {
          clock.become(activity);
          nowMs += ms;
        }
        const total = Object.values(clock.seconds()).reduce((sum, each) => sum + each, 0);
        expect(total).toBeCloseTo(nowMs / 1000, 9);
      }),
    );
  });
});
