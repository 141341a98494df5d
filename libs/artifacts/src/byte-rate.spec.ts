import { expect, it } from 'vitest';
import { ByteRate } from './byte-rate.ts';

it('lets bytes pass no faster than the rate, whoever sends them', async () => {
  const rate = new ByteRate(1_000_000);
  const { signal } = new AbortController();
  const startedMs = performance.now();
  const send = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await rate.pass(20_000, signal);
  };
  await Promise.all([send(), send(), send()]);
  // 300 kB at 1 MB/s, of which 50 ms worth may leave at once.
  expect(performance.now() - startedMs).toBeGreaterThan(240);
});

it('ends the wait of one that is gone', async () => {
  const rate = new ByteRate(1000);
  await expect(rate.pass(1_000_000, AbortSignal.timeout(20))).rejects.toThrow('abort');
});
