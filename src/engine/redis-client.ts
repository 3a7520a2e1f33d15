import { Cluster, type ClusterNode, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisAccess, RedisPlace } from '../config/redis-urls.js';

/** A client of one server, of a primary that sentinels name, or of a cluster. */
export type RedisClient = Redis | Cluster;

/** Milliseconds between connections that are given up because the server only lets itself be read, at the least. */
const REPLICA_MS = 1_000;
const again = (times: number): number => Math.min(times * 50, 1_000);

/** Connects, again and again where that fails, with the options of its commands. */
export function redisClient(place: RedisPlace, options: RedisOptions): RedisClient {
  const shared: RedisOptions = { ...options, retryStrategy: again, connectTimeout: 5_000 };
  if (place.kind === 'cluster') return cluster(place, shared);
  const ofOne = { ...shared, reconnectOnError: leavesReplica() };
  return place.kind === 'server'
    ? new Redis(place.url, ofOne)
    : new Redis({ ...ofOne, ...throughSentinels(place) });
}

function throughSentinels(place: Extract<RedisPlace, { kind: 'sentinel' }>): RedisOptions {
  const { sentinels, name, db, access, sentinelUsername, sentinelPassword } = place;
  return {
    ...accessOptions(access),
    sentinels: sentinels.map((sentinel) => ({ ...sentinel })),
    name,
    db,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(access.tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    sentinelRetryStrategy: again,
    sentinelCommandTimeout: 2_000,
    // A primary that hangs keeps its connections: the sentinels tell when another is the primary.
    failoverDetector: true,
  };
}

function cluster(place: Extract<RedisPlace, { kind: 'cluster' }>, shared: RedisOptions): Cluster {
  return new SettlingCluster(
    place.nodes.map((node) => ({ ...node })),
    {
      redisOptions: { ...shared, ...accessOptions(place.access) },
      enableOfflineQueue: shared.enableOfflineQueue ?? true,
      clusterRetryStrategy: again,
      // A node is connected to by its name, which its certificate has.
      dnsLookup: (address, done) => done(null, address),
    },
  );
}

/** Tells that it has ended and that it is connected where ioredis' cluster doesn't: BullMQ's workers wait for both without a limit. */
class SettlingCluster extends Cluster {
  constructor(
    private readonly startNodes: ClusterNode[],
    options: ClusterOptions,
  ) {
    super(startNodes, options);
    // A node whose connection ends late closes what has ended already, and nothing ends it again.
    this.on('close', () => {
      if (this.status === 'close') this.status = 'end';
    });
  }

  /** ioredis asks one of the nodes whether all is well. Where it says no, or is dead, it tries again, but forgets its promise. */
  override async connect(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (): void => reject(new Error('Connection is closed.'));
    this.once('ready', resolve).once('end', end);
    super.connect().then(resolve, reject);
    await promise.finally(() => this.off('ready', resolve).off('end', end));
  }

  override duplicate(nodes = this.startNodes, options: ClusterOptions = {}): Cluster {
    return new SettlingCluster(nodes, { ...this.options, ...options });
  }
}

function accessOptions({ tls, username, password }: RedisAccess): RedisOptions {
  return {
    ...(tls ? { tls: {} } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** After a failover a connection may be to what is a replica now, and would stay there: another finds the primary. */
function leavesReplica(): (error: Error) => boolean {
  let leftAt = -Infinity;
  return ({ message }) => {
    // Redis has no code apart: it is a word of the reply, and not the first one where a script met it (before Redis 7).
    if (!message.includes('READONLY') || performance.now() - leftAt < REPLICA_MS) return false;
    leftAt = performance.now();
    return true;
  };
}
