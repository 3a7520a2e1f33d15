import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { freePort } from './app.js';
import { RedisServer } from './redis-server.js';

const SLOTS = 16_384;
export const PASSWORD = 'a/secret@%';

/** Servers in a folder of their own, which all end with it. */
abstract class RedisGroup implements AsyncDisposable {
  protected constructor(
    protected readonly folder: string,
    readonly servers: RedisServer[],
  ) {}

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'ringback-redis-'));

/** Three primaries that share the slots, and a fourth node that becomes the replica of any. */
export class RedisCluster extends RedisGroup {
  static async start(): Promise<RedisCluster> {
    const folder = await newFolder();
    const nodes = await Promise.all([0, 1, 2, 3].map((place) => node(folder, place)));
    const cluster = new RedisCluster(
      folder,
      nodes.map(({ server }) => server),
    );
    for (const [place, { server }] of nodes.entries()) {
      await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(place + 1));
      const [from, to] = [place, place + 1].map((part) => Math.floor((part * SLOTS) / 3));
      if (place < 3) await server.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to! - 1));
    }
    const [first, ...others] = nodes;
    for (const { server, bus } of others)
      await first!.server.command('CLUSTER', 'MEET', '127.0.0.1', String(server.port), String(bus));
    for (const { server } of nodes) {
      const info = async (): Promise<string> => String(await server.command('CLUSTER', 'INFO'));
      await expect.poll(info).toMatch(/cluster_state:ok[^]*cluster_known_nodes:4/);
    }
    return cluster;
  }

  get url(): string {
    const hosts = this.servers.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`);
    return `redis+cluster://${hosts.join(',')}`;
  }

  /** Who has the slot of this key. */
  async ownerOf(key: string): Promise<RedisServer> {
    const slot = Number(await this.servers[0]!.command('CLUSTER', 'KEYSLOT', key));
    return this.servers[Math.min(2, Math.floor((slot * 3) / SLOTS))]!;
  }

  /** The same, now followed by the replica. */
  async followedOwnerOf(key: string): Promise<RedisServer> {
    const owner = await this.ownerOf(key);
    const replica = this.servers[3]!;
    await replica.command('CLUSTER', 'REPLICATE', String(await owner.command('CLUSTER', 'MYID')));
    await expect
      .poll(async () => String(await replica.command('INFO', 'replication')))
      .toContain('master_link_status:up');
    return owner;
  }
}

async function node(folder: string, place: number): Promise<{ server: RedisServer; bus: number }> {
  const bus = await freePort();
  const server = await RedisServer.start(undefined, [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-port', String(bus)],
    ...['--cluster-config-file', `nodes-${place}.conf`, '--dir', folder],
    ...['--repl-diskless-sync-delay', '0'],
  ]);
  return { server, bus };
}

/** A primary, its replica and three sentinels who watch them. */
export class WatchedRedis extends RedisGroup {
  private constructor(
    folder: string,
    readonly primary: RedisServer,
    readonly replica: RedisServer,
    private readonly sentinels: readonly RedisServer[],
  ) {
    super(folder, [primary, replica, ...sentinels]);
  }

  static async start(): Promise<WatchedRedis> {
    const folder = await newFolder();
    const secret = ['--requirepass', PASSWORD, '--masterauth', PASSWORD, '--dir', folder];
    const settings = [...secret, '--repl-diskless-sync-delay', '0'];
    const primary = await RedisServer.start(undefined, settings, PASSWORD);
    const follows = ['--replicaof', '127.0.0.1', String(primary.port)];
    const replica = await RedisServer.start(undefined, [...settings, ...follows], PASSWORD);
    await expect
      .poll(async () => String(await primary.command('INFO', 'replication')))
      .toContain('state=online');
    const sentinels = await Promise.all([0, 1, 2].map(() => sentinel(folder, primary.port)));
    for (const server of sentinels)
      await expect
        .poll(async () => String(await server.command('INFO', 'sentinel')))
        .toMatch(/status=ok,address=[^,]*,slaves=1,sentinels=3/);
    return new WatchedRedis(folder, primary, replica, sentinels);
  }

  get url(): string {
    const hosts = this.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    return `redis+sentinel://:${encodeURIComponent(PASSWORD)}@${hosts.join(',')}/ringback/3`;
  }
}

/** Sentinels rewrite their configuration, so each has a file of its own. */
async function sentinel(folder: string, primary: number): Promise<RedisServer> {
  const port = await freePort();
  const file = join(folder, `sentinel-${port}.conf`);
  const settings = [
    `port ${port}`,
    `sentinel monitor ringback 127.0.0.1 ${primary} 2`,
    `sentinel auth-pass ringback ${PASSWORD}`,
    'sentinel down-after-milliseconds ringback 500',
    'sentinel failover-timeout ringback 3000',
  ];
  await writeFile(file, settings.join('\n'));
  return RedisServer.sentinel(port, file);
}
