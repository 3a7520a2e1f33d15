import { DataSource, type DataSourceOptions, type MigrationInterface, type QueryRunner } from 'typeorm';
import { sqlState } from './database-errors.js';
import { CONNECTION } from './postgres-client.js';
import { asMissingRight } from './rights.js';
import { schemaState } from './schema-state.js';

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

/** No limit that a database, a role or PostgreSQL gives requests holds for a migration. */
const UNLIMITED = {
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  transaction_timeout: '0',
};

/** By then a statement of a process that was killed is rolled back, and what it has locked is free. */
const ABANDONED = { client_connection_check_interval: '2s' };

/**
 * Applies what is pending, one process at a time, and answers the names. Without the limits that requests have: an index on a large
 * table takes as long as it takes. All that is set is a transaction's own, so that it works behind a pooler in transaction mode, too.
 */
export async function migrate(
  options: DataSourceOptions,
  { mostMs = 0, onOther }: Waiting = {},
): Promise<string[]> {
  const extra = { ...CONNECTION, query_timeout: 0 };
  const unlimited = { ...options, entities: [], extra } as DataSourceOptions;
  const dataSource = await new DataSource(unlimited).initialize();
  const turn = dataSource.createQueryRunner();
  try {
    await takeTurn(turn, mostMs, onOther);
    // What is ahead of this version, this version leaves as it is.
    if ((await schemaState(dataSource)).newer) return [];
    for (const migration of dataSource.migrations) limit(migration);
    if (!(await dataSource.showMigrations())) return [];
    const applied = await dataSource.runMigrations({ transaction: 'each' });
    return applied.map(({ name }) => name);
  } catch (error) {
    // Over the connection that is held: TypeORM leaves the one that failed taken.
    throw await asMissingRight(error, {
      query: (sql, parameters = []) => turn.query(sql, [...parameters]),
    });
  } finally {
    // Its end lets the lock go.
    if (turn.isTransactionActive) await turn.rollbackTransaction().catch(() => undefined);
    await turn.release();
    await dataSource.destroy();
  }
}

/** Each has a transaction of its own, in which it waits for a table only so long. */
function limit(migration: MigrationInterface): void {
  const up = migration.up.bind(migration);
  migration.up = async (runner) => {
    await set(runner, { ...UNLIMITED, ...ABANDONED, lock_timeout: String(TABLE_WAIT_MS) });
    await up(runner);
  };
}

/** Sets, for the transaction, what this version of PostgreSQL knows of it, and its system: on Windows it can't see that a client has gone. */
async function set(runner: QueryRunner, settings: Readonly<Record<string, string>>): Promise<void> {
  await runner.query(
    `SELECT set_config(s.name, s.value, true) FROM unnest($1::text[], $2::text[]) AS s (name, value) JOIN pg_settings USING (name)
     WHERE name <> 'client_connection_check_interval' OR version() !~* 'mingw|msvc|visual|windows'`,
    [Object.keys(settings), Object.values(settings)],
  );
}

/** Another process that migrates is waited for. The lock lasts as long as a transaction, which holds nothing else and no snapshot. */
async function takeTurn(runner: QueryRunner, mostMs: number, onOther: Waiting['onOther']): Promise<void> {
  await runner.startTransaction('READ COMMITTED');
  // A machine that went away without a word must not keep the lock: PostgreSQL would notice after two hours.
  const keepalives = {
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
  };
  await set(runner, { ...UNLIMITED, ...keepalives, lock_timeout: String(Math.ceil(mostMs)) });
  const [turn] = (await runner.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [MIGRATION_LOCK])) as [
    { mine: boolean },
  ];
  if (turn.mine) return;
  const [other] = (await runner.query(OTHER, [MIGRATION_LOCK])) as OtherMigrator[];
  if (other) onOther?.(other);
  try {
    await runner.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
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
