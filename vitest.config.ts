import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'workspace', root: '.', include: ['test/**/*.test.ts'] },
      },
      'libs/*',
      'apps/*',
    ],
  },
});
