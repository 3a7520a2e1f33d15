import { optional, urls } from '../settings.js';
import { sliceOf } from '../slice.js';

const ASKED = {
  redisUrls: optional(
    'REDIS_URL',
    'none: BullMQ runs on PostgreSQL',
    'Redis, Valkey or Dragonfly, `redis://host:6379`, or `rediss:` with TLS; a comma list of URLs is a Redis Cluster.',
    urls('redis:', 'rediss:'),
  ),
};

/** The BullMQ backend: Redis where URLs are given, else PostgreSQL. */
export abstract class QueueConfig extends sliceOf({}, ASKED) {
  abstract readonly redisUrls: readonly string[];
}
