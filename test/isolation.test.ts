import { expect, it } from 'vitest';
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
