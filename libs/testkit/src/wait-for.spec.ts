import { describe, expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

describe('waitFor', () => {
  it('asks until the condition holds', async () => {
    let asked = 0;
    await waitFor(() => Promise.resolve(++asked === 3), { timeoutMs: 10_000 });
    expect(asked).toBe(3);
  });

  it('asks once even when no time is left', async () => {
    await expect(waitFor(() => true, { timeoutMs: 0 })).resolves.toBeUndefined();
  });

  it('says which condition did not hold in time', async () => {
    const neverHolds = (): boolean => false;
    await expect(waitFor(neverHolds, { timeoutMs: 1 })).rejects.toThrow(
      /^not true after 1 ms: \(\) *=> *false$/,
    );
  });

  it('passes on what the condition throws', async () => {
    const broken = (): boolean => {
      throw new Error('broken');
    };
    await expect(waitFor(broken, { timeoutMs: 10_000 })).rejects.toThrow('broken');
  });
});
