import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { toConfig } from '../../src/boot.js';
import type { RingbackConfig } from '../../src/config/config.js';
import { readEnv } from '../../src/config/env.js';
import { createApp } from '../../src/http/create-app.js';
import { Client } from './client.js';
import { newDatabase, redisUrls } from './database.js';

export const TEST_KEY = 'rb_test_0123456789abcdefghijklmnop';
/** Its id, which the environment's keys have of their text. */
export const TEST_KEY_ID = 'key_environment_72e94a5667704abf';

export type Overrides = { [Slice in keyof RingbackConfig]?: Partial<RingbackConfig[Slice]> };

/** A whole Ringback in this process, on a database of its own; durations are short. */
export class App implements AsyncDisposable {
  private constructor(
    readonly nest: NestFastifyApplication,
    readonly config: RingbackConfig,
    readonly client: Client,
    private readonly folder: string,
  ) {}

  static async start(overrides: Overrides = {}, handlers: (Type | DynamicModule)[] = []): Promise<App> {
    const folder = await mkdtemp(join(tmpdir(), 'ringback-app-'));
    const config = await testConfig(folder, overrides);
    const nest = await createApp(
      AppModule.forRoot(config, handlers),
      process.env.RINGBACK_TEST_LOG ? console : false,
    );
    await nest.listen(config.http.port, config.http.host);
    return new App(nest, config, new Client(config.http.publicUrl, TEST_KEY), folder);
  }

  get databaseUrl(): string {
    return this.config.database.url;
  }

  /** A client of a new account with its own key. */
  async account(
    name: string,
    slots = 20,
    scopes = ['operations:write', 'operations:read', 'deliveries:redeliver', 'endpoints:write'],
  ): Promise<Client> {
    const { body: account } = await this.client.post('/v1/accounts', { name, slots });
    const { body: key } = await this.client.post(`/v1/accounts/${account.id}/keys`, { name: 'test', scopes });
    return this.client.withKey(key.key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nest.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The engine looks after its rows sooner than by default. */
const SOON = {
  leaseS: 10,
  redispatchS: 2,
  pollMs: 50,
  fastStart: process.env['RINGBACK_TEST_FAST_START'] !== 'false',
};

/** The defaults of the service, but for what tests can't wait for or have on this machine. */
async function testConfig(folder: string, overrides: Overrides): Promise<RingbackConfig> {
  const port = await freePort();
  const url = overrides.database?.url ?? (await newDatabase());
  const env = readEnv({
    DATABASE_URL: url,
    RINGBACK_DATA_DIR: folder,
    RINGBACK_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    RINGBACK_API_KEY: TEST_KEY,
    RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8,::1/128',
  });
  const defaults = toConfig(env, url, port);
  const different: Overrides = {
    http: { connectionsPerAddress: 10_000 },
    database: { poolSize: 10 },
    queue: { redisUrls: redisUrls() },
    process: { shutdownGraceS: 1 },
    accounts: { triesPerMinute: 10_000 },
    operations: SOON,
    deliveries: { ...SOON, timeoutS: 2, schedule: [0.05, 0.05, 0.05] },
    trm: { requestsPerHour: 100_000 },
    gateway: { port: 0, publicUrl: 'http://127.0.0.1' },
  };
  return Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => {
      const slice = name as keyof RingbackConfig;
      return [slice, { ...(value as object), ...different[slice], ...overrides[slice] }];
    }),
  ) as unknown as RingbackConfig;
}

/** Ports of one worker: below those that the system gives out by itself, and apart from other workers'. */
const PORTS_EACH = 4_000;
let nextPort =
  12_000 +
  (Number(process.env.VITEST_POOL_ID ?? 1) % 5) * PORTS_EACH +
  Math.floor(Math.random() * (PORTS_EACH - 500));

/** A port that is free, and that no other worker of this run takes meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort++;
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
