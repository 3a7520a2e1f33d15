import { describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

it('asks a receiver that has stopped answering one at a time, until it answers again', async () => {
  await using app = await App.start({
    deliveries: {
      timeoutS: 0.4,
      originInFlight: 5,
      schedule: [0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05],
    },
  });
  let inFlight = 0;
  let most = 0;
  await using receiver = await Receiver.answering(200);
  await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
  await receiver.received(1);
  receiver.answer((response) => {
    most = Math.max(most, ++inFlight);
    response.once('close', () => inFlight--);
  });
  await Promise.all(
    Array.from({ length: 8 }, () => app.client.submit({ type: 'echo', callback: { url: receiver.url } })),
  );
  // The first wave, by the cap of a receiver that has proven itself; then it is doubted.
  await receiver.received(6);
  expect(most).toBe(5);
  most = 0;
  await receiver.received(9);
  expect(most).toBe(1);
  receiver.answer(200);
  await expect
    .poll(async () => (await app.client.get('/v1/deliveries?status=Delivered')).body.data.length, {
      timeout: 20_000,
    })
    .toBe(9);
});

describe('Receivers that hang, more of them than attempts may be in flight,', () => {
  const CONCURRENCY = 3;
  // Nothing times out while the test looks.
  const deliveries = { concurrency: CONCURRENCY, originInFlight: 2, timeoutS: 60, leaseS: 90 };
  const hang = (): void => undefined;

  const submit = (app: App, to: readonly Receiver[]): Promise<unknown> =>
    Promise.all(to.map(({ url }) => app.client.submit({ type: 'echo', callback: { url } })));

  it('don’t delay others when they have never answered: neither new ones nor known ones', async () => {
    await using app = await App.start({ deliveries });
    await using known = await Receiver.answering(200);
    await submit(app, [known]);
    await known.received(1);
    await using stack = new AsyncDisposableStack();
    const hanging: Receiver[] = [];
    for (let i = 0; i < 3 * CONCURRENCY; i++) hanging.push(stack.use(await Receiver.answering(hang)));
    await submit(app, hanging);
    await Promise.all(hanging.map((receiver) => receiver.received(1)));
    await using fresh = await Receiver.answering(200);
    await submit(app, [known, fresh, known]);
    await Promise.all([known.received(3), fresh.received(1)]);
    expect(hanging.map(({ all }) => all.length)).toEqual(hanging.map(() => 1));
  });

  it('don’t delay others when they answered before', async () => {
    await using app = await App.start({ deliveries });
    await using known = await Receiver.answering(200);
    await using stack = new AsyncDisposableStack();
    const hanging: Receiver[] = [];
    for (let i = 0; i < CONCURRENCY; i++) hanging.push(stack.use(await Receiver.answering(200)));
    await submit(app, [known, ...hanging]);
    await Promise.all([known, ...hanging].map((receiver) => receiver.received(1)));
    for (const receiver of hanging) receiver.answer(hang);
    await submit(app, [...hanging, ...hanging]);
    await submit(app, [known]);
    await known.received(2);
    await Promise.all(hanging.map((receiver) => receiver.received(3)));
    await submit(app, [known]);
    await known.received(3);
  });
});

describe('Receivers at one origin', () => {
  // Nothing times out while the test looks.
  const deliveries = { timeoutS: 60, leaseS: 90 };

  /** Answers `/ok…`, and never `/hang…`. */
  async function sharedHost(): Promise<{ host: Receiver; at: (path: string) => number }> {
    const host = await Receiver.answering((response, { path }) => {
      if (path.startsWith('/ok')) response.writeHead(204).end();
    });
    return { host, at: (path) => host.all.filter((request) => request.path.startsWith(path)).length };
  }

  const base = (host: Receiver): string => new URL('/', host.url).href;

  const delivered = async (client: Client): Promise<unknown[]> =>
    (await client.get('/v1/deliveries?status=Delivered&limit=100')).body.data;

  const submit = (client: Client, urls: readonly string[]): Promise<unknown> =>
    Promise.all(urls.map((url) => client.submit({ type: 'echo', callback: { url } })));

  it('are not delayed by 16 of another account that hang, each at a URL of its own, nor by its own that hangs', async () => {
    await using app = await App.start({ deliveries });
    const { host, at } = await sharedHost();
    await using _ = host;
    const other = await app.account('other');
    await submit(app.client, [`${base(host)}ok`]);
    await expect.poll(() => at('/ok')).toBe(1);
    await submit(
      other,
      Array.from({ length: 16 }, (_, n) => `${base(host)}hang${n}`),
    );
    await submit(app.client, [`${base(host)}hang`]);
    // As many as may hang that nobody knows yet: two fifths of the origin's room are one account's.
    await expect.poll(() => at('/hang')).toBe(5);
    await submit(
      app.client,
      Array.from({ length: 6 }, (_, n) => `${base(host)}ok${n}?n=${n}`),
    );
    await expect.poll(() => at('/ok')).toBe(7);
    await submit(app.client, Array<string>(30).fill(`${base(host)}ok?again`));
    await expect.poll(() => at('/ok')).toBe(37);
    expect(at('/hang')).toBe(5);
  });

  it('are not delayed by one that answered before and hangs now', async () => {
    await using app = await App.start({ deliveries });
    let answers = true;
    await using host = await Receiver.answering((response, { path }) => {
      if (answers || path !== '/once') response.writeHead(204).end();
    });
    await submit(app.client, [`${base(host)}once`, `${base(host)}other`]);
    await expect.poll(async () => (await delivered(app.client)).length).toBe(2);
    answers = false;
    await submit(app.client, Array<string>(12).fill(`${base(host)}once`));
    // Two of the ten places are kept for others.
    await host.received(10);
    await submit(app.client, [`${base(host)}new`, `${base(host)}other`]);
    await host.received(12);
    expect(host.all.map(({ path }) => path).filter((path) => path === '/once')).toHaveLength(9);
  });

  it('that are endpoints don’t delay each other, though one of them hangs', async () => {
    await using app = await App.start({ deliveries });
    const { host, at } = await sharedHost();
    await using _ = host;
    // So that the origin is proven before anything hangs there.
    await submit(app.client, [`${base(host)}ok-of-its-own`]);
    await expect.poll(async () => (await delivered(app.client)).length).toBe(1);
    for (const path of ['hang', 'ok'])
      expect((await app.client.post('/v1/endpoints', { url: base(host) + path })).status).toBe(201);
    for (let n = 0; n < 30; n++) await app.client.submit({ type: 'echo' });
    await expect.poll(() => at('/ok'), { timeout: 10_000 }).toBe(31);
    expect(at('/hang')).toBe(1);
  });

  it('are asked one at a time once they were silent, and as before when they answer again; others there are not held to it', async () => {
    await using app = await App.start({
      deliveries: { timeoutS: 0.3, schedule: Array<number>(40).fill(0.05) },
    });
    let silent = true;
    const inFlight = { now: 0, most: 0 };
    await using host = await Receiver.answering((response, { path }) => {
      if (path === '/silent' && silent) {
        inFlight.most = Math.max(inFlight.most, ++inFlight.now);
        response.once('close', () => inFlight.now--);
      } else response.writeHead(204).end();
    });
    await submit(app.client, [`${base(host)}ok`]);
    await host.received(1);
    await submit(app.client, Array<string>(4).fill(`${base(host)}silent`));
    await host.received(5);
    await submit(app.client, Array<string>(40).fill(`${base(host)}ok`));
    await expect.poll(async () => (await delivered(app.client)).length, { timeout: 10_000 }).toBe(41);
    expect(inFlight.most).toBe(1);
    silent = false;
    await expect.poll(async () => (await delivered(app.client)).length, { timeout: 20_000 }).toBe(45);
  });
});
