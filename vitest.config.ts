import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitest/config';

const packages = globSync('{libs,apps}/*/package.json', { cwd: import.meta.dirname }).sort();

function nameOf(file: string): string {
  return (JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as { name: string }).name;
}

export default defineConfig({
  test: {
    // Only for what hangs: how long a test takes depends on what else the machine does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: { name: 'workspace', root: '.', include: ['test/**/*.test.ts'] },
      },
      ...packages.map((file) => ({
        extends: true as const,
        test: { name: nameOf(file), root: dirname(file) },
      })),
    ],
  },
});
