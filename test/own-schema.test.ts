import { describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from './support/database.js';
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
    const environment = { ...sharedBy(schema), RINGBACK_REDISPATCH_S: '3600' };
    await using service = await Service.start(environment);
    const { id } = await service.client.submit({ type: 'echo', input: 1, callback: { url: receiver.url } });
    expect(await service.client.ended(id)).toMatchObject({ status: 'Finished', result: 1 });
    await receiver.received(1);
    expect(await rowsOf(database, 'SELECT rid FROM rb.operation')).toEqual([{ rid: id }]);
    expect(await rowsOf(database, 'SELECT rid FROM public.operation')).toEqual([]);
  });

  it('takes no hint of another Ringback in another schema of the same database, on the same Redis', async () => {
    const { database, schema } = await withSchema();
    const start = (url: string) => Service.start({ ...sharedBy(url), RINGBACK_REDISPATCH_S: '3600' });
    await using first = await start(schema);
    await using second = await start(database);
    const inputs = Array.from({ length: 20 }, (_, n) => n);
    const ends = [first, second].map(({ client }, which) =>
      Promise.all(
        inputs.map(async (n) => {
          const { id } = await client.submit({ type: 'echo', input: { which, n } });
          expect(await client.ended(id)).toMatchObject({ status: 'Finished', result: { which, n } });
        }),
      ),
    );
    await Promise.all(ends);
    for (const of of ['rb', 'public'])
      expect(await rowsOf(database, `SELECT attempt FROM ${of}.operation WHERE attempt <> 1`)).toEqual([]);
  });
});
