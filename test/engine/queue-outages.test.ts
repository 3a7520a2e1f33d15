import { describe, expect, it } from 'vitest';
import { after } from '../../src/engine/worker-pool.js';
import { App } from '../support/app.js';
import { newDatabase, redisUrls } from '../support/database.js';
import { PostgresProxy, type Treatment } from '../support/postgres-proxy.js';
import { Receiver } from '../support/receiver.js';
import { Service } from '../support/service.js';

const QUEUE = 'ringback-queue';
const OUTAGE_MS = 6_000;
/** How long a process may take to boot, on a machine that does much else. */
const BOOT_MS = 30_000;
/** What PostgreSQL says while it starts. */
const STARTING = { fatal: '57P03' };

/** An outage, until some seconds after `served`. */
type Outage = (proxy: PostgresProxy, served: Promise<void>) => Promise<void>;

/** Until the outage is over, from the queue's n-th connection on. */
function fromConnection(
  proxy: PostgresProxy,
  served: Promise<void>,
  first: number,
  treatment: Treatment,
): Promise<void> {
  return new Promise((resolve) => {
    let over = false;
    proxy.treat = ({ application, number }) => {
      if (over || application !== QUEUE || number < first) return 'forward';
      if (number === first)
        void served
          .then(() => after(OUTAGE_MS))
          .then(() => {
            over = true;
            proxy.cut();
            resolve();
          });
      return treatment;
    };
  });
}

/** Until the outage is over nobody listens, from when the queue's n-th connection has come through. */
function refusedAfter(proxy: PostgresProxy, served: Promise<void>, last: number): Promise<void> {
  return new Promise((resolve) => {
    proxy.treat = ({ application, number }) => {
      if (application === QUEUE && number === last) {
        proxy.refuse();
        void served
          .then(() => after(OUTAGE_MS))
          .then(() => proxy.admit())
          .then(resolve);
      }
      return 'forward';
    };
  });
}

/** Each with whether the process serves by then. */
const outages: [string, boolean, Outage][] = [
  ['says that it starts (57P03)', false, (proxy, served) => fromConnection(proxy, served, 1, STARTING)],
  [
    'says so once the queue is connected',
    true,
    (proxy, served) => fromConnection(proxy, served, 2, STARTING),
  ],
  ['refuses all but the first connection', true, (proxy, served) => refusedAfter(proxy, served, 1)],
  ['refuses all from the third on', true, (proxy, served) => refusedAfter(proxy, served, 2)],
  ['resets connections', true, (proxy, served) => fromConnection(proxy, served, 2, 'reset')],
  ['answers nobody', true, (proxy, served) => fromConnection(proxy, served, 2, 'silent')],
  [
    'ends sessions as they begin',
    false,
    (proxy, served) => fromConnection(proxy, served, 1, { ending: STARTING, behindReady: 1 }),
  ],
];

// On Redis the queue has no connection to PostgreSQL.
describe.skipIf(redisUrls().length > 0)(
  'a process that boots while PostgreSQL, for its queue,',
  { timeout: 60_000 },
  () => {
    it.concurrent.each(outages)('%s works when that is over', async (_what, _serves, begin) => {
      await using proxy = await PostgresProxy.before(await newDatabase());
      await using receiver = await Receiver.answering(200);
      const over = begin(proxy, Promise.resolve());
      await using app = await App.start({ database: { url: proxy.url } });
      await over;
      for (let i = 0; i < 3; i++) await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
      await receiver.received(3);
    });

    it.each(outages)(
      '%s answers and spins not meanwhile, works when that is over and ends when it is told to',
      async (_what, serves, begin) => {
        await using proxy = await PostgresProxy.before(await newDatabase());
        await using receiver = await Receiver.answering(200);
        const state = { over: false };
        const served = Promise.withResolvers<void>();
        if (!serves) served.resolve();
        const outage = begin(proxy, served.promise).then(() => (state.over = true));
        await using service = await Service.spawn({ DATABASE_URL: proxy.url });
        const health = (which: string): Promise<number> =>
          service.client.get(`/health/${which}`).then(
            ({ status }) => status,
            () => 0,
          );
        if (serves) {
          await expect.poll(() => health('live'), { timeout: BOOT_MS }).toBe(200);
          served.resolve();
          while (!state.over) {
            const asked = performance.now();
            expect(await health('live')).toBe(200);
            expect(performance.now() - asked).toBeLessThan(1_000);
            await Promise.race([outage, after(100)]);
          }
        }
        await outage;
        // Each failed call was a connection.
        expect(proxy.count(QUEUE)).toBeLessThan(100);
        await expect.poll(() => health('ready')).toBe(200);
        const operation = { type: 'echo', callback: { url: receiver.url } };
        for (let i = 0; i < 3; i++) await service.client.submit(operation);
        await receiver.received(3);
        expect(await service.end('SIGTERM')).toBe(0);
      },
    );
  },
);
