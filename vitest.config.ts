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

/** What knows nothing of the queue, or is about HTTP whatever the queue is: one run is enough. */
const WITHOUT_QUEUE = [
  'bench',
  'client',
  'clients',
  'command',
  'config',
  'console',
  'deliveries/interop.test.ts',
  'deliveries/receiver-zoo.test.ts',
  'deliveries/webhook-client.test.ts',
  'deploy',
  'doctor',
  'egress',
  'embedded-postgres',
  'examples',
  'files',
  'gateway/bgrs-real-api.test.ts',
  'gateway/bgrs-settings.test.ts',
  'gateway/control-headers.test.ts',
  'gateway/early-answers.test.ts',
  'gateway/gateway-route.test.ts',
  'gateway/header-bytes.test.ts',
  'gateway/large-bodies.test.ts',
  'gateway/pass-through.test.ts',
  'http',
  'mcp',
  'metrics/telemetry.test.ts',
  'operations/http-request.test.ts',
  'operations/poll/polls-elsewhere.test.ts',
  'operations/poll/polls-of-ringback.test.ts',
  'scripts',
  'signing',
  'tracing',
  'faces/qstash',
  'faces/bad-input.test.ts',
  'faces/trm-clients.test.ts',
  'package.test.ts',
].map((path) => (path.endsWith('.ts') ? `test/${path}` : `test/${path}/**`));

/**
 * What carries an operation from its acceptance over its run, its retries and its callback to who polls, cancels or pulls, by every
 * face, and over the death of a process. RINGBACK_TEST_PART=core runs nothing else, for where Ringback stands on other parts.
 */
const CORE = [
  'deliveries/ack-by-poll',
  'deliveries/deliveries',
  'deliveries/redelivery',
  'endpoints/endpoints',
  'endpoints/pull',
  'endpoints/recoveries',
  'engine/processes',
  'faces/lro',
  'faces/seeds',
  'faces/trm',
  'faults',
  'gateway/bgrs',
  'housekeeping/partitions',
  'operations/awaiting',
  'operations/cancel',
  'operations/completions',
  'operations/dispatch',
  'operations/ledger',
  'operations/operations',
  'operations/poll/polls',
  'operations/waiting',
  'schedules/schedules',
  'work/work',
].map((file) => `test/${file}.test.ts`);

/** Of a second run, on another queue and another PostgreSQL: `core`, and with `queue` what is neither that nor without a queue. */
const part = process.env['RINGBACK_TEST_PART'];

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
    include: part === 'core' ? CORE : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(part === 'queue' ? [...WITHOUT_QUEUE, ...CORE] : [])],
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is awaited comes or never does: a busy machine is no failure. Where time matters, tests measure it.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
});
