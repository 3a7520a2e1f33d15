import { Logger } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { SettingError } from '../config/settings.js';
import { CONNECTION } from './postgres-client.js';

/** Any constant: names the lock that lets one process at a time migrate. */
const MIGRATION_LOCK = 7_164_225_001;
const OLDEST_POSTGRES = 14;

/**
 * Connects and applies pending migrations. Several processes may start at once: they wait for each other.
 */
export async function connect(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = await new DataSource(options).initialize();
  try {
    await checkServer(dataSource);
    if (await hasPending(dataSource)) await migrate(options);
    return dataSource;
  } catch (error) {
    // Its caller connects anew.
    await dataSource.destroy().catch(() => undefined);
    throw error;
  }
}

/** Connects to a database as it is, and migrates nothing: for a command beside a running service. */
export function connectBeside(options: DataSourceOptions): Promise<DataSource> {
  return new DataSource(options).initialize();
}

async function hasPending(dataSource: DataSource): Promise<boolean> {
  const [known] = await dataSource.query<[{ there: boolean }]>(
    `SELECT to_regclass('migrations') IS NOT NULL AS there`,
  );
  // Without the table, asking for pending ones would make it, and two processes at once would collide.
  return !known.there || dataSource.showMigrations();
}

/** How long a migration waits for a table that somebody reads: all that comes after it waits as long. */
const MIGRATION_LOCK_WAIT_MS = 5_000;

/** Over a connection without the limits that requests have: an index on a large table takes as long as it takes. */
async function migrate(options: DataSourceOptions): Promise<void> {
  const extra = { ...CONNECTION, query_timeout: 0, lock_timeout: MIGRATION_LOCK_WAIT_MS };
  const unlimited = { ...options, entities: [], extra } as DataSourceOptions;
  const dataSource = await new DataSource(unlimited).initialize();
  const runner = dataSource.createQueryRunner();
  try {
    // Another process that migrates is waited for.
    await runner.query('SET lock_timeout = 0');
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    if (await dataSource.showMigrations()) await dataSource.runMigrations({ transaction: 'each' });
  } finally {
    // Its end lets the lock go.
    await runner.release();
    await dataSource.destroy();
  }
}

/** Refuses a server that lacks what the statements need, or that may forget what it has committed. */
async function checkServer(dataSource: DataSource): Promise<void> {
  const [server] = await dataSource.query<[{ version: string; fsync: string; commit: string }]>(
    `SELECT current_setting('server_version_num') AS version, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS commit`,
  );
  const major = Math.floor(Number(server.version) / 10_000);
  if (major < OLDEST_POSTGRES) {
    throw new SettingError(`DATABASE_URL: PostgreSQL ${major} is too old; use ${OLDEST_POSTGRES} or newer`, {
      settings: ['DATABASE_URL'],
    });
  }
  if (server.fsync === 'off') {
    new Logger('Database').warn(
      'this PostgreSQL runs with fsync = off: a crash of its machine loses what was acknowledged; switch fsync on',
    );
  }
  if (server.commit === 'off') {
    new Logger('Database').warn(
      'this PostgreSQL runs with synchronous_commit = off: its crash loses what was acknowledged in the moment before; switch it on, for this database or user at least',
    );
  }
}
