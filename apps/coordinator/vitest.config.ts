import { defineConfig } from 'vitest/config';

/** Every test here starts real processes: a second is nothing to them. */
export default defineConfig({ test: { testTimeout: 120_000, hookTimeout: 120_000 } });
