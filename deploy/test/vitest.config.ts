import { defineConfig } from 'vitest/config';

/** One cluster, and one namespace in it: one test after the other. */
export default defineConfig({
  test: {
    root: 'deploy/test',
    include: ['*.test.ts'],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
