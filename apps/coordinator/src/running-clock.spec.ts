import { expect, it } from 'vitest';
import { RunningClock } from './running-clock.ts';

it('counts the time in which it is looked at, and two seconds of any pause', () => {
  let ms = 50_000;
  const clock = new RunningClock(() => ms);
  const after = (stepMs: number): number => {
    ms += stepMs;
    return clock.now();
  };
  expect([0, 499.6, 500, 2000, 3_600_000, 0, 1].map(after)).toEqual([0, 500, 1000, 3000, 5000, 5000, 5001]);
});
