import type { DatabaseConfig, QueueConfig, Role } from '../config/config.js';
import type { Queryable } from '../database/database.js';
import { GONE_S } from './process.store.js';

/** Connections of the PostgreSQL queue's pool at the most: of a process that works, and of one that only tells of work. */
const WORKER_QUEUE_POOL = 10;
const QUEUE_POOL = 4;
/** Of all that PostgreSQL has, how much may be taken before it is worth a warning. */
const FULL = 0.9;

/** What is asked of PostgreSQL in connections. */
export interface PoolSettings {
  /** Connections of a process for rows. */
  readonly poolSize: number;
  readonly usesRedis: boolean;
  /** Whether rows go through a pooler, which has the connections to PostgreSQL. */
  readonly isPooled: boolean;
}

/** As the settings say it. */
export function poolSettings(
  { poolSize, url, directUrl }: Pick<DatabaseConfig, 'poolSize' | 'url' | 'directUrl'>,
  { redisUrls }: Pick<QueueConfig, 'redisUrls'>,
): PoolSettings {
  return { poolSize, usesRedis: redisUrls.length > 0, isPooled: url !== directUrl };
}

/** Connections for the queue of a process with these roles: its workers ask one after another. */
export function queuePoolOf(roles: Iterable<Role | 'remote'>, poolSize: number): number {
  return Math.min(poolSize, [...roles].includes('worker') ? WORKER_QUEUE_POOL : QUEUE_POOL);
}

/** Connections that a process with these roles opens at the most. */
export function connectionsOf(roles: readonly (Role | 'remote')[], settings: PoolSettings): number {
  if (roles.includes('remote')) return 0;
  const { poolSize, usesRedis, isPooled } = settings;
  // One listens, and one keeps leases while the event loop is blocked.
  const forRows = isPooled ? 0 : poolSize + (roles.includes('worker') ? 1 : 0);
  return forRows + (usesRedis ? 0 : queuePoolOf(roles, poolSize) + 1);
}

/** What to do where the processes of a database may open more connections than it has; null where they may not. */
export async function crowding(database: Queryable, settings: PoolSettings): Promise<string | null> {
  const [row] = await database.query<{ most: number; processes: { roles: (Role | 'remote')[] }[] }>(
    `SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer AS most,
       (SELECT coalesce(json_agg(json_build_object('roles', p.roles)), '[]') FROM process p
        WHERE p.seen_at >= now() - make_interval(secs => $1)) AS processes`,
    [GONE_S],
  );
  const { most, processes } = row!;
  const needed = processes.reduce((sum, { roles }) => sum + connectionsOf(roles, settings), 0);
  if (needed <= FULL * most) return null;
  const served = processes.filter(({ roles }) => connectionsOf(roles, settings) > 0).length;
  return `${served} processes may open ${needed} connections, and PostgreSQL has ${most}: lower RINGBACK_DATABASE_POOL (${settings.poolSize}) for all of them, raise max_connections, or put a pooler in front of it`;
}
