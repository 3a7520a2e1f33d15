import { describe, expect, it } from 'vitest';
import { newDatabase, redisUrls, rowsOf } from './support/database.js';
import { Receiver } from './support/receiver.js';
import { Service, sharedBy } from './support/service.js';

/** A database whose schema `public` has tables of the names that Ringback uses, and its URL for an empty schema beside. */
async function withSchema(): Promise<{ database: string; schema: string }> {
  const database = await newDatabase();
  await rowsOf(database, 'CREATE SCHEMA rb');
  const url = new URL(database);
  url.searchParams.set('options', '-csearch_path=rb');
  return { database, schema: url.href };
}

describe('Ringback in a schema of its own', { timeout: 60_000 }, () => {
  it('runs operations to their end and calls back, beside tables of the same names', async () => {
    const { database, schema } = await withSchema();
    await using receiver = await Receiver.answering(200);
    // So rare that a hint which the queue lost would be noticed.
    const environment = { ...(await sharedBy(schema)), RINGBACK_REDISPATCH_S: '3600' };
    await using service = await Service.start(environment);
    const { id } = await service.client.submit({ type: 'echo', input: 1, callback: { url: receiver.url } });
    expect(await service.client.ended(id)).toMatchObject({ status: 'Finished', result: 1 });
    await receiver.received(1);
    expect(await rowsOf(database, 'SELECT rid FROM rb.operation')).toEqual([{ rid: id }]);
    expect(await rowsOf(database, 'SELECT rid FROM public.operation')).toEqual([]);
  });

  it('loses nothing beside another Ringback in another schema, though their queues may be one', async () => {
    const { database, schema } = await withSchema();
    const [redis] = await redisUrls(true);
    const other = { DATABASE_URL: database, ...(redis === undefined ? {} : { REDIS_URL: redis }) };
    await using first = await Service.start(await sharedBy(schema));
    await using second = await Service.start(other);
    const inputs = Array.from({ length: 20 }, (_, n) => n);
    const ends = [first, second].map(({ client }, which) =>
      Promise.all(
        inputs.map(async (n) => {
          const { id } = await client.submit({ type: 'echo', input: { which, n } });
          await expect
            .poll(() => client.ended(id), { timeout: 50_000 })
            .toMatchObject({ status: 'Finished', result: { which, n } });
        }),
      ),
    );
    await Promise.all(ends);
    for (const of of ['rb', 'public'])
      expect(await rowsOf(database, `SELECT attempt FROM ${of}.operation WHERE attempt <> 1`)).toEqual([]);
  });
});
