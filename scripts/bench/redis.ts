import { spawnRedis } from '../processes/redis.js';
import { freePort, type Leftovers } from './processes.js';

export { findRedisServer } from '../processes/redis.js';

/** Starts a Redis that persists nothing and evicts nothing; it goes with the leftovers. */
export async function startRedis(binary: string, leftovers: Leftovers): Promise<string> {
  const port = await freePort();
  await spawnRedis(binary, port, leftovers);
  return `redis://127.0.0.1:${port}`;
}
