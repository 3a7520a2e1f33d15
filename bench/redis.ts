import { findRedisServer, spawnRedis } from '../scripts/processes/redis.js';
import type { BenchOptions } from './options.js';
import { freePort, type Leftovers } from './processes.js';

/** The Redis that a run is to use: the one that was named, or one of its own; undefined where it needs or finds none. */
export async function redisFor(
  { backend, redisUrl }: BenchOptions,
  leftovers: Leftovers,
): Promise<string | undefined> {
  if (backend === 'postgresql') return undefined;
  if (redisUrl !== undefined) return redisUrl;
  const binary = findRedisServer();
  if (binary !== null) return startRedis(binary, leftovers);
  if (backend === undefined) return undefined;
  throw new Error(
    `--backend ${backend} needs a Redis: put redis-server on PATH, or give --redis redis://host:6379`,
  );
}

/** Starts a Redis that persists nothing and evicts nothing; it goes with the leftovers. */
async function startRedis(binary: string, leftovers: Leftovers): Promise<string> {
  const port = await freePort();
  await spawnRedis(binary, port, leftovers);
  return `redis://127.0.0.1:${port}`;
}
