import { describe, expect, it } from 'vitest';
import { residentBytes } from './resident-memory.ts';

describe('residentBytes', () => {
  it('counts this process, and another one where there is one', () => {
    const alone = residentBytes(undefined);
    expect(alone).toBeGreaterThan(2 ** 20);
    expect(residentBytes(process.pid)).toBeGreaterThan(1.5 * alone);
    expect(residentBytes(2 ** 30)).toBeLessThan(1.5 * alone);
  });
});
