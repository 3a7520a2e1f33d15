import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { freePort, TEST_KEY } from './app.js';
import { Client } from './client.js';
import { redisUrls } from './database.js';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const HANDLERS = fileURLToPath(new URL('./fault-handlers.mjs', import.meta.url));

/** Settings that make faults quick to get over. */
const QUICK = {
  RINGBACK_API_KEY: TEST_KEY,
  RINGBACK_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8',
  RINGBACK_CALLBACK_TIMEOUT_S: '1',
  RINGBACK_LEASE_S: '6',
  RINGBACK_REDISPATCH_S: '1',
  RINGBACK_POLL_MS: '100',
  RINGBACK_RETRY_SCHEDULE: '0.2,0.2,0.5,1,1,2,2,2,5',
  RINGBACK_SHUTDOWN_GRACE_S: '1',
  RINGBACK_LOG_LEVEL: process.env.RINGBACK_TEST_LOG ?? 'error',
  RINGBACK_HANDLERS: HANDLERS,
};

/** The built service as a process of its own, to be killed. */
export class Service implements AsyncDisposable {
  private constructor(
    readonly process: ChildProcess,
    readonly client: Client,
    readonly output: () => string,
  ) {}

  /** Starts `dist/src/main.js` and resolves once it is ready. */
  static async start(environment: Record<string, string>): Promise<Service> {
    const service = await Service.spawn(environment);
    // Closed, not only exited: then all that it said has been read.
    const died = once(service.process, 'close').then(() =>
      Promise.reject(new Error(`the service ended: ${service.output()}`)),
    );
    died.catch(() => undefined);
    await Promise.race([
      // Not `expect.poll`, which hooks of a whole file may not use.
      vi.waitUntil(() => service.ready(), { timeout: 30_000, interval: 50 }),
      died,
    ]);
    return service;
  }

  /** Starts `dist/src/main.js`, which may well end before anybody has seen it ready. */
  static async spawn(environment: Record<string, string>): Promise<Service> {
    const port = Number(environment['PORT'] ?? (await freePort()));
    const child = spawn(process.execPath, ['--enable-source-maps', MAIN], {
      env: { PATH: process.env.PATH, ...QUICK, PORT: String(port), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    if (process.env.RINGBACK_TEST_LOG) child.stdout!.pipe(process.stderr);
    return new Service(child, new Client(`http://127.0.0.1:${port}`, TEST_KEY), () => output);
  }

  get pid(): number {
    return this.process.pid!;
  }

  get port(): string {
    return new URL(this.client.url).port;
  }

  /** Sends a signal; resolves with the exit code once the process has ended (null when a signal ended it). */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const exit = once(this.process, 'exit') as Promise<[number | null]>;
    this.process.kill(signal);
    return (await exit)[0];
  }

  async exited(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGCONT');
    await this.end('SIGTERM');
  }

  private ready(): Promise<boolean> {
    return fetch(`${this.client.url}/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
  }
}

/** The environment of services that share a database and, in the Redis suite, a Redis. */
export function sharedBy(databaseUrl: string): Record<string, string> {
  const urls = redisUrls();
  return { DATABASE_URL: databaseUrl, ...(urls.length > 0 ? { REDIS_URL: urls.join(',') } : {}) };
}

/** A folder that is removed with the scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'ringback-fault-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
