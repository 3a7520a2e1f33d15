import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { freePort } from './app.js';

/** Without the program there is no Redis to try; the gate has it. */
export const hasRedisServer =
  process.env.CI !== undefined || spawnSync('redis-server', ['--version']).status === 0;

/** A Redis of the test's own, to be killed. */
export class RedisServer implements AsyncDisposable {
  private constructor(
    private readonly process: ReturnType<typeof spawn>,
    readonly port: number,
    private readonly password: string,
  ) {}

  static async start(port?: number, settings: string[] = [], password = ''): Promise<RedisServer> {
    const chosen = port ?? (await freePort());
    const volatile = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
    return RedisServer.spawned(['--port', String(chosen), ...volatile, ...settings], chosen, password);
  }

  /** One that watches others, by what its file says. */
  static sentinel(port: number, file: string): Promise<RedisServer> {
    return RedisServer.spawned([file, '--sentinel'], port, '');
  }

  private static async spawned(given: string[], port: number, password: string): Promise<RedisServer> {
    const server = new RedisServer(spawn('redis-server', given, { stdio: 'ignore' }), port, password);
    await expect.poll(() => server.command('PING').catch(() => null), { timeout: 10_000 }).toBe('PONG');
    return server;
  }

  get url(): string {
    return `redis://:${encodeURIComponent(this.password)}@127.0.0.1:${this.port}`;
  }

  async command(name: string, ...given: string[]): Promise<unknown> {
    const client = new Redis(this.url, {
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      lazyConnect: true,
    });
    client.on('error', () => undefined);
    try {
      return await client.call(name, ...given);
    } finally {
      client.disconnect();
    }
  }

  /** From now on it answers nothing, until it thaws. */
  freeze(): void {
    this.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.process.kill('SIGCONT');
  }

  /** It dies without a word. */
  kill(): void {
    this.process.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}
