import { redisUrls } from '../redis-urls.js';
import { optional } from '../settings.js';
import { sliceOf } from '../slice.js';

const ASKED = {
  redisUrls: optional(
    'REDIS_URL',
    'none: BullMQ runs on PostgreSQL',
    'Redis, Valkey or Dragonfly: `redis://host:6379`; a cluster: `redis+cluster://host:6379,host:6379`; by Sentinel: `redis+sentinel://:password@host:26379,host:26379/name`. `rediss:`, `rediss+cluster:` and `rediss+sentinel:` are with TLS.',
    redisUrls,
  ),
};

/** The BullMQ backend: Redis where URLs are given, else PostgreSQL. */
export abstract class QueueConfig extends sliceOf({}, ASKED) {
  abstract readonly redisUrls: readonly string[];
}
