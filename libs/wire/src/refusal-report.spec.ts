import { describe, expect, it } from 'vitest';
import { RefusalReport } from './refusal-report.ts';

describe('RefusalReport', () => {
  it('tells twenty a minute, and counts the others', () => {
    let nowMs = 1000;
    const told: string[] = [];
    const report = new RefusalReport(
      (peer, reason) => told.push(`${peer}: ${reason}`),
      () => nowMs,
    );
    for (let i = 0; i < 1000; i++) report.add(`peer ${i}`, 'no token');
    expect(told).toHaveLength(20);
    expect(told[19]).toBe('peer 19: no token');
    nowMs += 60_000;
    report.add('peer 1000', 'no token');
    expect(told.slice(20)).toEqual(['several peers: 980 more were turned away', 'peer 1000: no token']);
    nowMs += 59_999;
    report.add('peer 1001', 'no token');
    report.startOver();
    expect(told.slice(22)).toEqual(['peer 1001: no token']);
  });
});
