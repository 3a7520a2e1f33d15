import { ReplyError } from 'ioredis';
import type { RedisClient } from './redis-client.js';

/**
 * Tries whether it takes what is written, by a write that changes nothing, since there is no such key; and answers whether it evicts,
 * by its `maxmemory-policy`. Undefined where it doesn't tell: its users may not ask for INFO; CONFIG, which managed ones don't have,
 * isn't needed. In a cluster the node is asked that has our keys: how others are is nothing to us.
 */
export async function tryRedis(client: RedisClient, prefix: string): Promise<string | undefined> {
  const key = `${prefix}:tried`;
  await client.set(key, '', 'XX');
  // INFO names no key: within a pipeline it goes where the others go.
  const [, told] = (await client.pipeline().exists(key).info('memory').exec())!;
  const [error, info] = told!;
  if (error === null) return policyOf(info as string);
  if (!(error instanceof ReplyError)) throw error;
  return undefined;
}

function policyOf(info: string): string | undefined {
  return /^maxmemory_policy:(.+?)\r?$/m.exec(info)?.[1];
}

/** The end of what is said of a queue that is away. */
export const MEANWHILE = '; operations are still accepted and start when it is back';

/** What Redis says, as its first word or within what a script says, and the remedy. */
const REMEDIES: readonly (readonly [code: string, trouble: string])[] = [
  [
    'READONLY',
    'Redis is a replica, which takes no hints: name the primary in REDIS_URL, or its sentinels (redis+sentinel://…)',
  ],
  ['OOM', 'Redis is full, and takes no hints: raise its maxmemory, or take other keys out of it'],
  [
    'MISCONF',
    'Redis cannot write its snapshot, and takes no hints until then: make room on its disk, or switch its snapshots off, which Ringback does not need (CONFIG SET save "")',
  ],
  [
    'NOREPLICAS',
    'Redis takes no hints while it has too few replicas: start them, or lower its min-replicas-to-write',
  ],
  [
    'CLUSTERDOWN',
    `the Redis Cluster is down, since nodes are missing: start them, or let replicas take over${MEANWHILE}`,
  ],
  ['LOADING', `Redis loads its data: wait for it${MEANWHILE}`],
  [
    'MASTERDOWN',
    'Redis is a replica without its primary: name the primary in REDIS_URL, or its sentinels (redis+sentinel://…)',
  ],
  ['WRONGPASS', 'Redis refuses user or password: mend them in REDIS_URL'],
  ['NOAUTH', 'Redis asks for a password: write it into REDIS_URL, redis://:password@host:6379'],
];

/** What an error of Redis means; null where it isn't a verdict of the server's. */
export function verdictOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { message } = error;
  const known = REMEDIES.find(([code]) => new RegExp(String.raw`\b${code}\b`).test(message));
  if (known) return `${known[1]} (${message})`;
  if (!(error instanceof ReplyError)) return null;
  return `Redis refuses what the queue needs (${message}): give its user that right, or name another in REDIS_URL`;
}
