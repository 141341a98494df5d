import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './hub-answer.ts';
import { HubError } from './hub-error.ts';
import { PATIENCE, TransientFailure, waitMs, withRetries } from './retries.ts';

const QUICK = { ...PATIENCE, attempts: 3, firstWaitMs: 0 };

describe('waitMs', () => {
  it('doubles, by half of chance, and ends at the longest wait', () => {
    expect([1, 2, 3].map((failures) => waitMs(failures, 0, PATIENCE, 0))).toEqual([500, 1000, 2000]);
    expect(waitMs(1, 0, PATIENCE, 0.9)).toBe(950);
    expect(waitMs(60, 0, PATIENCE, 0)).toBe(PATIENCE.longestWaitMs);
  });

  it('is never shorter than what the server asks for, unless that is beyond the longest wait', () => {
    expect(waitMs(1, 5000, PATIENCE, 0)).toBe(5000);
    expect(waitMs(1, 1e9, PATIENCE, 0)).toBe(PATIENCE.longestWaitMs);
  });
});

describe('retryAfterMs', () => {
  it('reads seconds and dates, and takes anything else for nothing', () => {
    const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
    expect(retryAfterMs('7', now)).toBe(7000);
    expect(retryAfterMs('Wed, 21 Oct 2026 07:28:30 GMT', now)).toBe(30_000);
    for (const header of [null, '', 'soon', '-1', 'Wed, 21 Oct 2026 07:00:00 GMT', '9'.repeat(400)]) {
      expect(retryAfterMs(header, now)).toBe(0);
    }
  });
});

describe('withRetries', () => {
  const failing = (times: number, error: Error = new TransientFailure('lost')) => {
    let tries = 0;
    return {
      tries: () => tries,
      attempt: () => (tries++ < times ? Promise.reject(error) : Promise.resolve('done')),
    };
  };

  it('tries until it works', async () => {
    const { attempt, tries } = failing(2);
    expect(await withRetries(attempt, QUICK)).toBe('done');
    expect(tries()).toBe(3);
  });

  it('ends after the last try with an error that says how many there were', async () => {
    const { attempt, tries } = failing(9);
    await expect(withRetries(attempt, QUICK)).rejects.toThrow(/lost, 3 times in a row/);
    expect(tries()).toBe(3);
  });

  it('counts anew after progress', async () => {
    const { attempt, tries } = failing(9);
    expect(await withRetries(attempt, QUICK, { progressed: () => true })).toBe('done');
    expect(tries()).toBe(10);
  });

  it('does not try again after any other error', async () => {
    const { attempt, tries } = failing(9, new HubError('damaged', 'bad'));
    await expect(withRetries(attempt, QUICK)).rejects.toThrow('bad');
    expect(tries()).toBe(1);
  });

  it('stops waiting when it is told to', async () => {
    const controller = new AbortController();
    const waiting = withRetries(
      failing(9).attempt,
      { ...QUICK, firstWaitMs: 60_000 },
      { signal: controller.signal },
    );
    controller.abort(new HubError('damaged', 'another file'));
    await expect(waiting).rejects.toThrow('another file');
  });
});
