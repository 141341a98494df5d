import { defineConfig } from 'vitest/config';

/** The tests that need a GPU; the normal run neither finds nor needs them. One at a time: they share the GPU. */
export default defineConfig({
  test: {
    name: 'gpu',
    root: import.meta.dirname,
    include: ['*.gpu.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
