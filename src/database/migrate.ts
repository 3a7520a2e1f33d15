import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import { sqlState } from './database-errors.js';
import { CONNECTION } from './postgres-client.js';

/** Any constant: names the lock that lets one process at a time migrate. */
const MIGRATION_LOCK = 7_164_225_001;

/** How long a migration waits for a table that somebody reads: all that comes after it waits as long. */
const TABLE_WAIT_MS = 5_000;

/** How another process that migrates is waited for. */
export interface Waiting {
  /** Milliseconds; for ever unless given. */
  readonly mostMs?: number;
  /** Told once, where there is one. */
  readonly onOther?: (other: OtherMigrator) => void;
}

/** A process that migrates the same database. */
export interface OtherMigrator {
  /** Of its session in PostgreSQL. */
  readonly pid: number;
  readonly address: string | null;
  readonly seconds: number;
}

/** Another process has migrated for longer than was to be waited. */
export class OtherMigratesError extends Error {
  override readonly name = 'OtherMigratesError';
}

/**
 * Applies what is pending, one process at a time, and answers the names. Over connections without the limits that requests have:
 * an index on a large table takes as long as it takes.
 */
export async function migrate(
  options: DataSourceOptions,
  { mostMs = 0, onOther }: Waiting = {},
): Promise<string[]> {
  const extra = { ...CONNECTION, query_timeout: 0, lock_timeout: TABLE_WAIT_MS };
  const unlimited = { ...options, entities: [], extra } as DataSourceOptions;
  const dataSource = await new DataSource(unlimited).initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await takeTurn(runner, mostMs, onOther);
    if (!(await dataSource.showMigrations())) return [];
    const applied = await dataSource.runMigrations({ transaction: 'each' });
    return applied.map(({ name }) => name);
  } finally {
    // Its end lets the lock go.
    await runner.release();
    await dataSource.destroy();
  }
}

/** Another process that migrates is waited for. */
async function takeTurn(runner: QueryRunner, mostMs: number, onOther: Waiting['onOther']): Promise<void> {
  // A machine that went away without a word must not keep the lock: PostgreSQL would notice after two hours.
  for (const setting of [
    'tcp_keepalives_idle = 10',
    'tcp_keepalives_interval = 5',
    'tcp_keepalives_count = 3',
  ])
    await runner.query(`SET ${setting}`);
  const [turn] = (await runner.query('SELECT pg_try_advisory_lock($1) AS mine', [MIGRATION_LOCK])) as [
    { mine: boolean },
  ];
  if (turn.mine) return;
  const [other] = (await runner.query(OTHER, [MIGRATION_LOCK])) as OtherMigrator[];
  if (other) onOther?.(other);
  try {
    await runner.query(`SET lock_timeout = ${Math.ceil(mostMs)}`);
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error;
    throw new OtherMigratesError('another process migrates this database still', { cause: error });
  }
}

const OTHER = `
  SELECT l.pid, host(a.client_addr) AS address, round(extract(epoch FROM clock_timestamp() - a.backend_start))::integer AS seconds
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint = $1::bigint >> 32 AND l.objid::bigint = $1::bigint & 4294967295 AND l.objsubid = 1`;
