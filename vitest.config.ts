import { fileURLToPath } from 'node:url';
import { relative } from 'node:path';
import type { Plugin } from 'vite';
import { configDefaults, defineConfig } from 'vitest/config';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** Threads start from what was built: Node can't load this TypeScript by itself. */
const builtThreads: Plugin = {
  name: 'built-threads',
  enforce: 'pre',
  transform: (code, id) =>
    code.replaceAll(/new URL\('\.\/([\w-]+\.thread\.js)', import\.meta\.url\)/g, (_, file: string) => {
      const built = new URL(`dist/${relative(ROOT, id)}/../${file}`, import.meta.url);
      return `new URL(${JSON.stringify(built.href)})`;
    }),
};

/** What knows nothing of the queue: one run is enough, and RINGBACK_TEST_PART=queue leaves it out of another. */
const WITHOUT_QUEUE = [
  'client',
  'clients',
  'command',
  'config',
  'console',
  'deploy',
  'egress',
  'embedded-postgres',
  'examples',
  'files',
  'http',
  'mcp',
  'scripts',
  'signing',
  'tracing',
].map((folder) => `test/${folder}/**`);

export default defineConfig({
  plugins: [builtThreads],
  resolve: {
    alias: {
      // First: the alias after it matches its beginning.
      'ringback/verify': fileURLToPath(new URL('./src/verify.ts', import.meta.url)),
      'ringback/client': fileURLToPath(new URL('./src/client/index.ts', import.meta.url)),
      'ringback/receiver': fileURLToPath(new URL('./src/receiver/index.ts', import.meta.url)),
      ringback: fileURLToPath(new URL('./src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      ...configDefaults.exclude,
      ...(process.env['RINGBACK_TEST_PART'] === 'queue' ? WITHOUT_QUEUE : []),
    ],
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is awaited comes or never does: a busy machine is no failure. Where time matters, tests measure it.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
});
