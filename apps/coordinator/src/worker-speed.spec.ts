import { expect, it } from 'vitest';
import { WorkerSpeed } from './worker-speed.ts';

it('is that of the workers there are, or of the last ones', () => {
  let measured: number | undefined;
  const speed = new WorkerSpeed(() => measured);
  expect(speed.now()).toBe(1e15);
  measured = 2e11;
  expect(speed.now()).toBe(2e11);
  measured = undefined;
  expect(speed.now()).toBe(2e11);
});
