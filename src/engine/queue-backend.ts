import { once } from 'node:events';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { QueueOptions } from 'bullmq';
import { type RedisOptions, ReplyError } from 'ioredis';
import pg from 'pg';
import { DatabaseConfig, QueueConfig } from '../config/config.js';
import { redisHosts, redisPlace } from '../config/redis-urls.js';
import type { Queryable } from '../database/database.js';
import { asDatabaseError, DatabaseUnavailableError } from '../database/database-errors.js';
import { patiently } from '../database/patience.js';
import { type Installation, installationOf } from '../database/installation.js';
import { poolWith } from '../database/postgres-client.js';
import { backConnection } from './backend-choice.js';
import { Fleet } from './fleet.js';
import { postgresBackend, redisBackend } from './patient-backend.js';
import { PostgresListener } from './postgres-listener.js';
import { type RedisClient, redisClient } from './redis-client.js';
import { MEANWHILE, tryRedis, verdictOf } from './redis-trouble.js';
import { diagnose, isGone, migrate, requireSchema, SCHEMA, usable } from './queue-schema.js';

type Connection = QueueOptions['connection'];

/** How long one that is only looked at is waited for, ms. */
const CONNECTED_MS = 3_000;

/** Of a backend that is only looked at. */
const NOBODY: Installation = { schema: 'public', fingerprint: 'nobody' };

/**
 * The BullMQ backend of this process: PostgreSQL, or Redis where URLs are given.
 * Both carry only hints, so neither needs durability; PostgreSQL's pool commits asynchronously for that reason.
 */
export class QueueBackend implements OnApplicationShutdown {
  private readonly logger = new Logger('Queues');
  private readonly pool: pg.Pool | undefined;
  private readonly clients: RedisClient[] = [];
  private warned = false;
  /** Why Redis lets nobody in, a wrong password for instance: the commands themselves fail as if it were away. */
  private refusal: Error | undefined;
  /** Begins the names of our keys in Redis; the braces keep them on one node of a cluster. */
  readonly prefix: string;
  /** Where processes tell each other that a row is worth a look. */
  readonly channel: string;
  /** For `Queue`: fails fast, never keeps a caller waiting. */
  readonly producer: Connection;
  /** For `Worker`: waits out an outage. */
  readonly worker: Connection;
  /** Hears what PostgreSQL notifies of; with Redis there is none. */
  readonly listener: PostgresListener | undefined;
  /** Hints per job: on PostgreSQL a job costs more than what it carries. */
  readonly hintsPerJob: number;

  private constructor(
    private readonly config: QueueConfig,
    private readonly database: DatabaseConfig,
    installation: Installation,
    /** Those who share its queues. */
    readonly fleet: Fleet,
  ) {
    // Others may be on the same Redis, or in the same database: none takes another's hints.
    this.prefix = `{ringback-${installation.fingerprint}}`;
    if (config.redisUrls.length > 0) {
      this.hintsPerJob = 10;
      this.channel = `${this.prefix}:wake-ups`;
      this.producer = this.redis({ enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 500 });
      this.worker = this.redis({ maxRetriesPerRequest: null });
      backConnection(this.producer, redisBackend);
      backConnection(this.worker, redisBackend);
    } else {
      this.hintsPerJob = 25;
      this.channel = 'ringback_wake_ups';
      this.pool = this.postgres();
      // BullMQ takes a pool here at run time; its types only know Redis.
      this.producer = this.worker = this.pool as unknown as Connection;
      // BullMQ has no prefix here, and one schema a database: queues are told apart by their names in it.
      const suffix = installation.schema === 'public' ? '' : `-${installation.schema}`;
      this.listener = new PostgresListener(database.directUrl);
      backConnection(this.pool, postgresBackend(this.pool, suffix, this.listener, fleet));
    }
  }

  /** What readiness shows: `postgresql` or `redis`. */
  get kind(): 'postgresql' | 'redis' {
    return this.pool ? 'postgresql' : 'redis';
  }

  /** A backend whose schema is there before the first queue looks for it; `rows` is where the rows are that hints are about. */
  static async connect(
    config: QueueConfig,
    database: DatabaseConfig,
    rows: Queryable,
    fleet = new Fleet(),
  ): Promise<QueueBackend> {
    const installation = await patiently(() => installationOf(rows));
    const backend = new QueueBackend(config, database, installation, fleet);
    const { pool } = backend;
    await patiently(() => (pool && !database.migrates ? requireSchema(pool) : backend.makeSchema()));
    return backend;
  }

  /** The same as it is, to be looked at: makes nothing, and carries no hints where its rows can't be reached. */
  static async beside(
    config: QueueConfig,
    database: DatabaseConfig,
    rows: Queryable | null,
  ): Promise<QueueBackend> {
    const installation = rows ? await installationOf(rows) : NOBODY;
    const backend = new QueueBackend(config, database, installation, new Fleet());
    const [client] = backend.clients;
    // Until it stands, it answers nothing. What fails is seen when it is asked.
    const signal = AbortSignal.timeout(CONNECTED_MS);
    if (client && client.status !== 'ready') await once(client, 'ready', { signal }).catch(() => undefined);
    return backend;
  }

  /** Whether a PostgreSQL queue has its schema; with Redis there is none. */
  async hasSchema(): Promise<boolean> {
    return this.pool === undefined || !(await isGone(this.pool));
  }

  /** Makes the schema of a PostgreSQL queue, or brings it to this version of BullMQ's; with Redis there is nothing to do. */
  async makeSchema(): Promise<void> {
    if (this.pool) await migrate(this.pool);
  }

  /** Null when the queue can be used and trusted with hints, else what is wrong and the remedy. */
  async trouble(): Promise<string | null> {
    try {
      if (this.pool) return (await usable(this.pool)) ? null : await this.explain(undefined);
      const policy = await tryRedis(this.clients[0]!, this.prefix);
      if (policy === 'noeviction') return null;
      if (policy !== undefined) return `Redis evicts keys (maxmemory-policy ${policy}): set it to noeviction`;
      this.warnOfPolicy();
      return null;
    } catch (error) {
      return this.explain(error);
    }
  }

  /** What an error of the queue means, and the remedy. */
  async explain(error: unknown): Promise<string> {
    if (this.pool) {
      const judged = error === undefined || !(asDatabaseError(error) instanceof DatabaseUnavailableError);
      const away = `the queue cannot be reached${MEANWHILE}`;
      return judged ? diagnose(this.pool, error, this.database.migrates).catch(() => away) : away;
    }
    const hosts = redisHosts(redisPlace(this.config.redisUrls));
    return (
      verdictOf(error) ??
      verdictOf(this.refusal) ??
      `Redis cannot be reached at ${hosts}: start it, or mend REDIS_URL${MEANWHILE}`
    );
  }

  /** Makes the schema of a PostgreSQL queue again where it is gone: what was in it were only hints. */
  async mend(): Promise<void> {
    if (this.pool === undefined || !this.database.migrates) return;
    try {
      if (await isGone(this.pool)) await this.makeSchema();
    } catch (error) {
      this.logger.debug(`the schema ${SCHEMA} could not be made: ${String(error)}`);
    }
  }

  /** Sends a short message to all processes that listen on the channel. */
  async publish(text: string): Promise<void> {
    if (this.pool) await this.pool.query('SELECT pg_notify($1, $2)', [this.channel, text]);
    else await (this.producer as RedisClient).publish(this.channel, text);
  }

  /** A Redis connection of its own, for what subscribes; whoever takes it closes it. */
  subscriber(): RedisClient {
    return (this.worker as RedisClient).duplicate();
  }

  async onApplicationShutdown(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    await this.listener?.end();
    await Promise.race([
      this.pool?.end().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, 1000).unref()),
    ]);
  }

  private warnOfPolicy(): void {
    if (this.warned) return;
    this.warned = true;
    this.logger.warn(
      'Redis does not tell its maxmemory-policy: see to it that it is noeviction, else it may forget hints',
    );
  }

  private redis(options: RedisOptions): Connection {
    const client = redisClient(redisPlace(this.config.redisUrls), options);
    client.on('error', (error: Error) => {
      if (error instanceof ReplyError) this.refusal = error;
      this.logger.debug(`Redis: ${error.message}`);
    });
    client.on('ready', () => (this.refusal = undefined));
    this.clients.push(client);
    return client;
  }

  private postgres(): pg.Pool {
    const pool = new pg.Pool({
      connectionString: this.database.directUrl,
      max: this.database.poolSize,
      // The rows are the truth: a hint that a PostgreSQL crash forgets is sent again. Set where it stays: the boot has seen to that.
      ...poolWith({ jit: 'off', search_path: SCHEMA, synchronous_commit: 'off' }, true),
      application_name: 'ringback-queue',
      connectionTimeoutMillis: 5000,
    });
    pool.on('error', (error) => this.logger.debug(`PostgreSQL queue pool: ${error.message}`));
    // Every queue and worker adds listeners to the one pool.
    pool.setMaxListeners(0);
    return pool;
  }
}
