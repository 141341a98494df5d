import { defineConfig } from 'vitest/config';

/** The tests in the runtimes of others; the normal run neither finds nor needs them. One at a time: they take memory. */
export default defineConfig({
  test: {
    name: 'runtimes',
    root: import.meta.dirname,
    include: ['*.runtime.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
