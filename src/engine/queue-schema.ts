import { runMigrations } from 'bullmq';
import type pg from 'pg';
import { SettingError } from '../config/settings.js';
import { sqlState } from '../database/database-errors.js';

/** BullMQ's own schema in the same database. Its statements name no schema, so the connection's search_path must. */
export const SCHEMA = 'bullmq';

const REMADE =
  'Ringback makes it again where its user may; let it create schemas in the database, or start it as an owner once';
const RUN = 'run "ringback migrate", since RINGBACK_MIGRATE is false here';

/** Makes the schema, or brings it to this version of BullMQ's. */
export async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client, SCHEMA);
  } catch (error) {
    // insufficient_privilege, and invalid_schema_name of a schema that may not be used
    if (!['42501', '3F000'].includes(sqlState(error) ?? '')) throw error;
    throw new SettingError(
      `DATABASE_URL: its user may not make or change the schema ${SCHEMA}, where the queue is: connect as its owner, let the user create schemas in the database, or set REDIS_URL`,
      { settings: ['DATABASE_URL'] },
    );
  } finally {
    client.release();
  }
}

/** Refuses a database without the schema: where migrating is left to others, none is made. */
export async function requireSchema(pool: pg.Pool): Promise<void> {
  if (await isGone(pool))
    throw new SettingError(
      (named) =>
        `the schema ${SCHEMA}, where the queue is, is missing, and ${named('RINGBACK_MIGRATE')} is false: run "ringback migrate" first, or set ${named('REDIS_URL')}`,
      { settings: ['RINGBACK_MIGRATE'] },
    );
}

/** Whether the queue's table is found and may be used; rejects where it isn't found, or PostgreSQL is away. */
export async function usable(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ usable: boolean }>(
    `SELECT bool_and(has_table_privilege('job', p)) AS usable FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p`,
  );
  return rows[0]!.usable;
}

/** Whether the schema isn't there, or is empty. */
export async function isGone(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ gone: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = 'migration') AS gone`,
    [SCHEMA],
  );
  return rows[0]!.gone;
}

/** Why the queue can't be used over connections that work, and the remedy; `migrates` where this process makes the schema. */
export async function diagnose(pool: pg.Pool, error: unknown, migrates: boolean): Promise<string> {
  if (await isGone(pool))
    return `the schema ${SCHEMA}, where the queue is, is gone: ${migrates ? REMADE : RUN}`;
  const { rows } = await pool.query<{ path: string; looked: boolean; role: string }>(
    `SELECT current_setting('search_path') AS path, $1 = ANY (regexp_split_to_array(current_setting('search_path'), '[" ]*,[" ]*')) AS looked, current_user AS role`,
    [SCHEMA],
  );
  const { path, looked, role } = rows[0]!;
  if (!looked)
    return `the queue's connections have search_path ${path} where they asked for ${SCHEMA}: a pooler in front of PostgreSQL does not keep it; set RINGBACK_DIRECT_URL to PostgreSQL itself, or REDIS_URL`;
  const said = error instanceof Error ? ` (${error.message})` : '';
  return `the user ${role} may not use all of the schema ${SCHEMA}, or parts of it are missing${said}: GRANT it the schema's tables, sequences and functions, or drop the schema, and ${migrates ? 'Ringback makes it again' : RUN}`;
}
