import pg from 'pg';
import type { DatabaseConfig } from '../config/config.js';
import { SettingError, type Words } from '../config/settings.js';
import { CONNECTION } from './postgres-client.js';

/** Connections that may take a session's server away, and how long a session waits for another, ms. */
const OTHERS = 4;
const WAIT_MS = 1_500;
/** How long the first connection may take, ms. */
const CONNECT_MS = 5_000;

/** What boot refuses, and `ringback doctor` says. */
const NEEDS_SESSION: Words = (named) =>
  `${named('DATABASE_URL')} leads to a pooler in transaction mode, where no connection keeps its settings or hears a NOTIFY, and the queue in PostgreSQL needs both: set ${named('RINGBACK_DIRECT_URL')} to PostgreSQL itself, or ${named('REDIS_URL')}`;
const NOT_DIRECT: Words = (named) =>
  `${named('RINGBACK_DIRECT_URL')} leads to a pooler in transaction mode: name PostgreSQL itself, or set ${named('REDIS_URL')}`;
const ELSEWHERE: Words = (named) =>
  `${named('RINGBACK_DIRECT_URL')} leads to another database or schema than ${named('DATABASE_URL')}: name the same, past the pooler`;

type Way = Pick<DatabaseConfig, 'url' | 'directUrl'>;

/** Refuses what would run blind. */
export async function checkWay(way: Way, usesRedis: boolean): Promise<void> {
  const fault = await wayFault(way, usesRedis);
  if (fault) throw fault;
}

/**
 * Null where the settings lead to what they are for, else why they don't. Without Redis the queue is in PostgreSQL, and would fail
 * behind a pooler that gives each transaction another connection.
 */
export async function wayFault({ url, directUrl }: Way, usesRedis: boolean): Promise<SettingError | null> {
  if (url !== directUrl && (await placeOf(url)) !== (await placeOf(directUrl)))
    return new SettingError(ELSEWHERE, { settings: ['RINGBACK_DIRECT_URL'] });
  if (usesRedis || (await poolerOf(directUrl)) !== 'transaction') return null;
  return url === directUrl
    ? new SettingError(NEEDS_SESSION, { settings: ['DATABASE_URL'] })
    : new SettingError(NOT_DIRECT, { settings: ['RINGBACK_DIRECT_URL'] });
}

/**
 * What stands in front of PostgreSQL: holds the server that a session just had, by transactions of others, and looks whether the
 * session gets another one.
 */
export async function poolerOf(url: string): Promise<'none' | 'session' | 'transaction'> {
  const open: pg.Client[] = [];
  try {
    const session = await opened(url, open, CONNECT_MS);
    const first = await serverOf(session);
    if (first === (session as unknown as { processID: number | null }).processID) return 'none';
    for (let others = 0; others < OTHERS; others++) {
      // A pooler that has none left for another tells nothing by it.
      const other = await opened(url, open).catch(() => null);
      if (other === null) break;
      await other.query('BEGIN');
      const taken = await serverOf(other);
      // Only a server that was given back can be another's now.
      if (taken === first) return 'transaction';
      // Nor does a session wait for its own.
      if ((await serverOf(session).catch(() => null)) !== first) return 'transaction';
    }
    return 'session';
  } finally {
    await Promise.all(open.map((client) => client.end().catch(() => undefined)));
  }
}

/** Which server's database and schema are there, as every user may know. */
async function placeOf(url: string): Promise<string> {
  const open: pg.Client[] = [];
  try {
    const client = await opened(url, open, CONNECT_MS);
    const { rows } = await client.query<object>(
      `SELECT current_database() AS name, current_schema() AS schema, pg_postmaster_start_time() AS since`,
    );
    return JSON.stringify(rows);
  } finally {
    await Promise.all(open.map((client) => client.end().catch(() => undefined)));
  }
}

async function opened(url: string, open: pg.Client[], connectMs = WAIT_MS): Promise<pg.Client> {
  const client = new CONNECTION.Client({
    connectionString: url,
    application_name: 'ringback-look',
    connectionTimeoutMillis: connectMs,
    query_timeout: WAIT_MS,
  }) as pg.Client;
  client.on('error', () => undefined);
  open.push(client);
  await client.connect();
  return client;
}

async function serverOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
}
