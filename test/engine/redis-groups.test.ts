import { describe, expect, it } from 'vitest';
import { QueueBackend } from '../../src/engine/queue-backend.js';
import { App } from '../support/app.js';
import { expectNothingLost, Load } from '../support/load.js';
import { Receiver } from '../support/receiver.js';
import { RedisCluster, WatchedRedis } from '../support/redis-groups.js';

const onRedis = process.env.RINGBACK_TEST_REDIS_URL !== undefined;

/** Loses nothing over what breaks Redis in the middle of load, and works on afterwards. */
async function expectWork(app: App, breaking: () => void | Promise<void>): Promise<void> {
  await using receiver = await Receiver.answering(200);
  const load = new Load(app.client, receiver.url, 4);
  await load.reached(100);
  await breaking();
  await load.reached(load.acknowledged.length + 100);
  await expectNothingLost(app.databaseUrl, await load.stop(), receiver);
  const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
  expect((await app.client.ended(id)).status).toBe('Finished');
  await expect
    .poll(async () => (await app.client.get('/health/ready')).body.checks, { timeout: 20_000 })
    .toMatchObject({ queue: 'ok' });
}

describe.runIf(onRedis)('a queue in a Redis Cluster of three nodes', { timeout: 90_000 }, () => {
  it('is used, and loses nothing when the node that has its keys dies and its replica takes over', async () => {
    await using cluster = await RedisCluster.start();
    await using app = await App.start({ queue: { redisUrls: [cluster.url] } });
    const owner = await cluster.followedOwnerOf(app.nest.get(QueueBackend).prefix);
    await expectWork(app, () => owner.kill());
    // All that is asked of a queue at once is on one node.
    expect(app.nest.get(QueueBackend).prefix).toMatch(/^\{.*\}$/);
  });

  it('is judged by the node that has its keys alone: the others may evict, and may die, also while it closes', async () => {
    await using cluster = await RedisCluster.start();
    for (const server of cluster.servers)
      await server.command('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    await using running = new AsyncDisposableStack();
    // Nothing runs that a closing would have to wait for.
    const process = { shutdownGraceS: 60 };
    const app = running.use(await App.start({ queue: { redisUrls: [cluster.url] }, process }));
    const owner = await cluster.ownerOf(app.nest.get(QueueBackend).prefix);
    const other = cluster.servers.find((server) => server !== owner)!;
    const queue = async (): Promise<string> =>
      (await app.client.get('/health/ready')).body.checks.queue as string;
    await other.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await queue()).toBe('ok');
    await owner.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await queue()).toMatch(/allkeys-lru/);
    await owner.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    other.kill();
    await expect
      .poll(async () => String(await owner.command('CLUSTER', 'NODES')), { timeout: 20_000 })
      .toMatch(/master,fail /);
    expect(await queue()).toBe('ok');
    const { id } = await app.client.submit({ type: 'echo' });
    expect((await app.client.ended(id)).status).toBe('Finished');
    const told = performance.now();
    await running.disposeAsync();
    expect(performance.now() - told).toBeLessThan(5_000);
  });

  it('goes on when the node that has its keys has hung for longer than workers wait for a job', async () => {
    await using cluster = await RedisCluster.start();
    await using receiver = await Receiver.answering(200);
    // Else only what was left over goes through the queues.
    const queued = { fastStart: false };
    await using app = await App.start({
      queue: { redisUrls: [cluster.url] },
      operations: queued,
      deliveries: queued,
    });
    const owner = await cluster.ownerOf(app.nest.get(QueueBackend).prefix);
    const operation = { type: 'echo', callback: { url: receiver.url } };
    await app.client.submit(operation);
    await receiver.received(1);
    owner.freeze();
    const frozen = performance.now();
    await expect.poll(() => performance.now() - frozen, { timeout: 20_000 }).toBeGreaterThan(8_000);
    owner.thaw();
    await app.client.submit(operation);
    await receiver.received(2);
  });
});

describe.runIf(onRedis)('a queue in a Redis that sentinels watch', { timeout: 90_000 }, () => {
  it('loses nothing when the primary dies, and is gone on with at the replica', async () => {
    await using redis = await WatchedRedis.start();
    await using app = await App.start({ queue: { redisUrls: [redis.url] } });
    await expectWork(app, () => redis.primary.kill());
    expect(String(await redis.replica.command('INFO', 'keyspace'))).toContain('db3:');
  });

  it('loses nothing when the primary hangs, and comes back as a replica', async () => {
    await using redis = await WatchedRedis.start();
    await using app = await App.start({ queue: { redisUrls: [redis.url] } });
    await expectWork(app, async () => {
      redis.primary.freeze();
      await expect
        .poll(async () => String(await redis.replica.command('INFO', 'replication')), { timeout: 20_000 })
        .toContain('role:master');
      redis.primary.thaw();
    });
  });
});
