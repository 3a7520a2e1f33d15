import { describe, expect, it } from 'vitest';
import { App } from './support/app.js';
import { Receiver } from './support/receiver.js';

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
