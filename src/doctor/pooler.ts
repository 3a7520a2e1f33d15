import pg from 'pg';
import { CONNECTION } from '../database/postgres-client.js';
import { type Check, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** Connections that may take a session's server away, and how long a session waits for another, ms. */
const OTHERS = 4;
const WAIT_MS = 1_500;

/** Whether a session keeps its server: a pooler in transaction mode gives it another one for each transaction. */
export const pooler: Check<WithDatabase> = {
  name: 'pooler',
  run: async ({ config }) => {
    const kind = await poolerOf(config.database.url);
    if (kind === 'none') return [green('none: connections are to PostgreSQL itself')];
    if (kind === 'session') return [green('is in session mode')];
    const remedy =
      'connect to PostgreSQL itself in DATABASE_URL, or set the pooler to session mode (pool_mode = session)';
    const known = 'a pooler in transaction mode stands in front of PostgreSQL';
    return [
      config.queue.redisUrls.length > 0
        ? yellow(
            `${known}: the lock of migrations does not hold, and old records are not dropped; ${remedy}, for one process with the role worker at least`,
          )
        : red(`${known}, and the queue does not find its schema: ${remedy}, or set REDIS_URL`),
    ];
  },
};

/** Holds the server that a session just had, by transactions of others, and looks whether the session gets another one. */
async function poolerOf(url: string): Promise<'none' | 'session' | 'transaction'> {
  const open: pg.Client[] = [];
  try {
    const session = await opened(url, open);
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

async function opened(url: string, open: pg.Client[]): Promise<pg.Client> {
  const client = new CONNECTION.Client({
    connectionString: url,
    connectionTimeoutMillis: WAIT_MS,
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
