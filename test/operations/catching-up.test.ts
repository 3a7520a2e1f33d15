import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Receiver } from '../support/receiver.js';

type Client = App['client'];

/** As docs/api.md has it, and longer than this test takes. */
const MARGIN_MS = 600_000;

let app: App;

beforeAll(async () => {
  // A callback that fails waits for its next attempt longer than any test.
  app = await App.start({ deliveries: { schedule: [3600, 3600] } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** A receiver that refuses the callbacks of operations whose correlation says so. */
function choosy(): Promise<Receiver> {
  return Receiver.answering((response, { body }) => {
    const { data } = JSON.parse(body) as { data: { correlation: string } };
    response.writeHead(data.correlation.startsWith('heard') ? 200 : 500).end();
  });
}

/** Submits operations and resolves with their ids once all have ended and the first attempts of their callbacks are over. */
async function ended(
  client: Client,
  receiver: Receiver,
  wanted: Record<string, unknown>[],
): Promise<string[]> {
  const callback = { url: receiver.url };
  const operations = wanted.map((fields) => ({ type: 'echo', callback, ...fields }));
  const { body } = await client.post('/v1/operations/batch', { operations });
  const ids: string[] = body.data.map((item: { operation: { id: string } }) => item.operation.id);
  for (const id of ids) {
    await expect
      .poll(async () => (await client.deliveries(id))[0]?.attempt_count ?? 0, {
        interval: 5,
        timeout: 20_000,
      })
      .toBe(1);
    const [{ id: delivery }] = await client.deliveries(id);
    await expect
      .poll(async () => (await client.delivery(delivery)).attempts[0].outcome, {
        interval: 5,
        timeout: 20_000,
      })
      .not.toBe('started');
  }
  return ids;
}

/** What a consumer reads in one loop; `meanwhile` runs after each page. */
async function loop(
  client: Client,
  finishedAfter: Date,
  meanwhile: (page: number) => Promise<void> = () => Promise.resolve(),
  limit = 10,
): Promise<{ id: string; request_id: number }[]> {
  const read: { id: string; request_id: number }[] = [];
  for (let cursor: string | null = '', page = 0; cursor !== null; page++) {
    const { status, body } = await client.get(
      `/v1/operations?finished_after=${finishedAfter.toISOString()}&undelivered=true&limit=${limit}${cursor && `&cursor=${cursor}`}`,
    );
    expect(status).toBe(200);
    read.push(...body.data);
    cursor = body.next_cursor;
    await meanwhile(page);
  }
  return read;
}

const idsOf = (operations: readonly { id: string }[]): string[] => operations.map(({ id }) => id);

describe('a consumer that was down', () => {
  it('reads in one loop all that had ended before, once and in order, while others end, and what ended behind the cursor in the next', async () => {
    const client = await app.account('late', 100);
    await using receiver = await choosy();
    const before = new Date();
    // The oldest of all, which end only when they are canceled.
    const old: string[] = [];
    for (let count = 0; count < 4; count++) {
      const operation = {
        type: 'sleep',
        input: { seconds: 60 },
        callback: { url: receiver.url },
        correlation: 'old',
      };
      old.push((await client.submit(operation)).id);
    }
    const missed = await ended(
      client,
      receiver,
      Array.from({ length: 45 }, () => ({ correlation: 'missed' })),
    );
    const heard = await ended(
      client,
      receiver,
      Array.from({ length: 15 }, () => ({ correlation: 'heard' })),
    );

    const began = new Date();
    const late: string[] = [];
    const first = await loop(client, before, async (page) => {
      if (page >= old.length) return;
      await client.post(`/v1/operations/${old[page]}/cancel`);
      const kinds = [{ correlation: 'heard late' }, { correlation: 'late' }, { correlation: 'late' }];
      late.push(...(await ended(client, receiver, kinds)).slice(1));
    });
    expect(idsOf(first).filter((id) => missed.includes(id))).toEqual(missed);
    expect(first.map(({ request_id }) => request_id)).toEqual(
      [...new Set<number>(first.map(({ request_id }) => request_id))].sort((one, other) => one - other),
    );
    expect(idsOf(first).filter((id) => heard.includes(id) || old.includes(id))).toEqual([]);
    // Younger than any, so they came in front of the cursor.
    expect(idsOf(first).filter((id) => late.includes(id))).toEqual(late);

    const second = await loop(client, new Date(began.getTime() - MARGIN_MS));
    expect(idsOf(second).filter((id) => !idsOf(first).includes(id))).toEqual(old);
  }, 60_000);

  it('finds those with ack_by_poll no more once it has read each in full, also where the callback was given up', async () => {
    const client = await app.account('reader', 100);
    await using receiver = await choosy();
    await using gone = await Receiver.answering(410);
    const before = new Date();
    const failing = Array.from({ length: 12 }, () => ({ correlation: 'missed', ack_by_poll: true }));
    const read = await ended(client, receiver, failing);
    const exhausted = { correlation: 'exhausted', ack_by_poll: true, callback: { url: gone.url } };
    read.push(...(await ended(client, receiver, [exhausted])));
    const unread = await ended(client, receiver, [
      { correlation: 'other' },
      { correlation: 'unread', ack_by_poll: true },
    ]);
    expect((await client.deliveries(read.at(-1)!))[0].status).toBe('Exhausted');
    expect(idsOf(await loop(client, before))).toEqual([...read, ...unread]);
    for (const id of [...read, unread[0]!]) expect((await client.ended(id, 0)).status).toBe('Finished');
    await expect.poll(async () => idsOf(await loop(client, before)), { timeout: 10_000 }).toEqual(unread);
    const [known] = await client.deliveries(read.at(-1)!);
    expect(known).toMatchObject({ status: 'Exhausted', reason: 'gone', acknowledged_by: 'poll' });

    // Somebody wants the callback after all: where it can't be told either, its caller has read it all the same.
    await client.post(`/v1/deliveries/${known.id}/redeliver`);
    const again = async () => (await client.deliveries(read.at(-1)!))[0];
    await expect.poll(again).toMatchObject({ status: 'Exhausted', attempt_count: 2 });
    expect(await again()).toMatchObject({ acknowledged_by: 'poll' });
    expect(idsOf(await loop(client, before))).toEqual(unread);
  });
});
