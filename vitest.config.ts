import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      // First: the alias after it matches its beginning.
      'ringback/verify': fileURLToPath(new URL('./src/verify.ts', import.meta.url)),
      'ringback/client': fileURLToPath(new URL('./src/client/index.ts', import.meta.url)),
      ringback: fileURLToPath(new URL('./src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is awaited comes or never does: a busy machine is no failure. Where time matters, tests measure it.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
});
