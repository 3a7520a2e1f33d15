import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { CallbackHosts } from '../../src/egress/callback-hosts.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';
import { App } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

const CAP = 5;
const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();

/** Accepted, and due tomorrow: nothing is ever sent to these public names. */
function schedule(client: Client, host: string): Promise<Answer> {
  return client.post('/v1/operations', {
    type: 'echo',
    run_at: TOMORROW,
    callback: { url: `https://${host}/callback` },
  });
}

function register(client: Client, host: string): Promise<Answer> {
  return client.post('/v1/endpoints', { url: `https://${host}/hooks` });
}

describe('new host names of an account', () => {
  let app: App;
  let other: App;
  let count = 0;

  beforeAll(async () => {
    app = await App.start({ egress: { newHostsPerMinute: CAP } });
    other = await App.start({ egress: { newHostsPerMinute: CAP }, database: { url: app.databaseUrl } });
  });
  afterAll(async () => {
    await other[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
  });

  const account = (): Promise<Client> => app.account(`hosts-${++count}`);

  async function useUp(client: Client, first = 0): Promise<void> {
    for (let host = first; host < first + CAP; host++)
      expect((await schedule(client, `h${host}.example.com`)).status).toBe(202);
  }

  it('are bounded a minute: the next one is refused until there is room, and nothing is stored', async () => {
    const client = await account();
    await useUp(client);
    const refused = await schedule(client, 'more.example.com');
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'too-many-new-hosts', status: 429, errors: [{ path: 'callback.url' }] },
    });
    expect(refused.headers.get('content-type')).toMatch('application/problem+json');
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect((await client.get('/v1/operations')).body.data).toHaveLength(CAP);
    await rowsOf(
      app.databaseUrl,
      `UPDATE callback_host SET first_used_at = first_used_at - make_interval(secs => $1)`,
      [retryAfter],
    );
    expect((await schedule(client, 'more.example.com')).status).toBe(202);
  });

  it('are those of endpoints as well', async () => {
    const client = await account();
    for (let host = 0; host < CAP; host++)
      expect((await register(client, `e${host}.example.com`)).status).toBe(201);
    const refused = await register(client, 'more.example.com');
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'too-many-new-hosts', errors: [{ path: 'url' }] },
    });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await schedule(client, 'more.example.com')).status).toBe(429);
    const [endpoint] = (await client.get('/v1/endpoints')).body.data;
    const change = (url: string): Promise<Answer> =>
      client.request('PATCH', `/v1/endpoints/${endpoint.id}`, { url });
    expect((await change('https://other.example.com/')).status).toBe(429);
    expect((await change('https://e4.example.com/elsewhere')).status).toBe(200);
  });

  it('don’t count when they are known, loopback that is allowed, or another account’s', async () => {
    const client = await account();
    await useUp(client);
    for (const known of ['h0.example.com', 'H4.EXAMPLE.com', 'h1.example.com:8443'])
      expect((await schedule(client, known)).status).toBe(202);
    for (const url of [
      'http://127.0.0.1:1234/',
      'http://127.9.9.9/',
      'http://localhost:1234/',
      'http://[::1]/',
    ])
      expect(
        (await client.post('/v1/operations', { type: 'echo', run_at: TOMORROW, callback: { url } })).status,
      ).toBe(202);
    expect((await schedule(client, 'more.example.com')).status).toBe(429);
    expect((await schedule(await account(), 'more.example.com')).status).toBe(202);
  });

  it('don’t count where the operation is refused for another reason', async () => {
    const client = await account();
    for (let host = 0; host < 2 * CAP; host++) {
      const callback = { url: `https://r${host}.example.com/` };
      expect((await client.post('/v1/operations', { type: 'nothing', callback })).status).toBe(422);
      expect((await client.post('/v1/operations', { type: 'echo', retention: 'x', callback })).status).toBe(
        422,
      );
    }
    await useUp(client);
  });

  it('are counted over all processes, also when all of them come at once', async () => {
    const client = await account();
    const elsewhere = other.client.withKey(client.key);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, host) =>
        schedule(host % 2 === 0 ? client : elsewhere, `burst${host}.example.com`),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: CAP }, () => 202),
      ...Array.from({ length: 40 - CAP }, () => 429),
    ]);
    const accepted = answers.findIndex(({ status }) => status === 202);
    for (const process of [client, elsewhere])
      expect((await schedule(process, `burst${accepted}.example.com`)).status).toBe(202);
  });

  it('cost no statement once known', async () => {
    const admit = vi.fn(async ({ name }: { name: string }) => (name === 'refused.example.com' ? 7 : null));
    const hosts = new CallbackHosts(
      { admit } as never,
      new UrlPolicy({ allowedPrivate: parseAllowedPrivate('127.0.0.0/8'), allowHttp: false }),
    );
    for (let time = 0; time < 3; time++) {
      expect(await hosts.admit('a', 'https://known.example.com/x')).toBeNull();
      expect(await hosts.admit('a', 'http://127.0.0.1:8080/')).toBeNull();
    }
    expect(admit).toHaveBeenCalledTimes(1);
    expect(await hosts.admit('a', 'https://refused.example.com/')).toBe(7);
    expect(await hosts.admit('a', 'https://refused.example.com/')).toBe(7);
    expect(await hosts.admit('b', 'https://known.example.com/x')).toBeNull();
    expect(admit).toHaveBeenCalledTimes(4);
  });
});

const ACCOUNTS = 50;
const CALLBACKS = 10_000;

describe('one victim of 10,000 callbacks from 50 accounts', { timeout: 120_000 }, () => {
  let app: App;
  let accounts: Client[];

  beforeAll(async () => {
    app = await App.start();
    accounts = await Promise.all(Array.from({ length: ACCOUNTS }, (_, i) => app.account(`crowd-${i}`)));
  });
  afterAll(() => app[Symbol.asyncDispose]());

  /** Submits them all; each account its share in one batch. */
  async function crowd(url: string): Promise<void> {
    await Promise.all(
      accounts.map(async (client, index) => {
        const operations = Array.from({ length: CALLBACKS / ACCOUNTS }, (_, i) => ({
          type: 'echo',
          callback: { url: `${url}/${index}/${i}` },
        }));
        expect((await client.post('/v1/operations/batch', { operations })).status).toBe(200);
      }),
    );
  }

  it('never has more than an origin’s cap in flight', async () => {
    const victim = await Victim.answering(200);
    await using receiver = victim.receiver;
    await crowd(receiver.url);
    await receiver.received(CALLBACKS);
    expect(victim.most).toBeGreaterThan(1);
    expect(victim.most).toBeLessThanOrEqual(app.config.deliveries.originInFlight);
  });

  it('has one in flight and 60 a minute until it has answered 2xx', async () => {
    const victim = await Victim.answering(500);
    await using receiver = victim.receiver;
    await using bystander = await Receiver.answering(200);
    // As many rounds of the dispatcher as these callbacks need have passed the victim by.
    const rounds = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        const before = bystander.all.length;
        await app.client.submit({ type: 'echo', callback: { url: bystander.url } });
        await bystander.received(before + 1);
      }
    };
    await crowd(receiver.url);
    await receiver.received(60);
    await rounds();
    expect(receiver.all).toHaveLength(60);
    expect(victim.most).toBe(1);
    // A minute later.
    await rowsOf(
      app.databaseUrl,
      `UPDATE origin SET asked_at = ARRAY(SELECT a - interval '1 minute' FROM unnest(asked_at) a)`,
    );
    await receiver.received(120);
    await rounds();
    expect(receiver.all).toHaveLength(120);
    expect(victim.most).toBe(1);
  });
});

/** Counts how many requests it has at once; each takes it a moment. */
class Victim {
  most = 0;
  private inFlight = 0;
  receiver!: Receiver;

  static async answering(status: number): Promise<Victim> {
    const victim = new Victim();
    victim.receiver = await Receiver.answering((response) => {
      victim.most = Math.max(victim.most, ++victim.inFlight);
      setTimeout(() => {
        victim.inFlight--;
        response.writeHead(status).end();
      }, 5);
    });
    return victim;
  }
}
