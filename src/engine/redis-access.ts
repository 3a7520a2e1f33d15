import { Cluster, type Redis, type RedisOptions, ReplyError } from 'ioredis';

/** What a cluster's nodes are asked with that no URL names, which it tells of itself: the same as the first one. */
export function accessOf(url: string): RedisOptions {
  const { protocol, username, password } = new URL(url);
  return {
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  };
}

/**
 * Whether it evicts, by its `maxmemory-policy`. Undefined where it doesn't tell: its users may not ask for INFO; CONFIG, which
 * managed ones don't have, isn't needed.
 */
export async function evictionPolicy(client: Redis | Cluster): Promise<string | undefined> {
  const node = client instanceof Cluster ? client.nodes('master')[0] : client;
  try {
    return /^maxmemory_policy:(.+?)\r?$/m.exec(await node!.info('memory'))?.[1];
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    await node!.ping();
    return undefined;
  }
}
