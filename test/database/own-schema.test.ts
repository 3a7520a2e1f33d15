import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

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
    // A delivery's hint that was lost would be sent again after an hour.
    const environment = { ...sharedBy(schema), RINGBACK_REDISPATCH_S: '3600' };
    await using service = await Service.start(environment);
    const { id } = await service.client.submit({ type: 'echo', input: 1, callback: { url: receiver.url } });
    expect(await service.client.ended(id)).toMatchObject({ status: 'Finished', result: 1 });
    await receiver.received(1);
    expect(await rowsOf(database, 'SELECT rid FROM rb.operation')).toEqual([{ rid: id }]);
    expect(await rowsOf(database, 'SELECT rid FROM public.operation')).toEqual([]);
  });

  it('says what to do where the queue is another user’s', async () => {
    const { database, schema } = await withSchema();
    const role = `test_${randomBytes(6).toString('hex')}`;
    await rowsOf(database, 'CREATE SCHEMA IF NOT EXISTS bullmq');
    await rowsOf(database, `CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await rowsOf(database, `ALTER SCHEMA rb OWNER TO ${role}`);
    await rowsOf(database, `GRANT CREATE ON DATABASE ${new URL(database).pathname.slice(1)} TO ${role}`);
    const url = Object.assign(new URL(schema), { username: role, password: 'x' });
    await expect(Service.start({ DATABASE_URL: url.href })).rejects.toThrow(
      'DATABASE_URL: its user may not make or change the schema bullmq',
    );
    await rowsOf(database, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it('takes no hint of another Ringback in another schema of the same database, on the same Redis', async () => {
    const { database, schema } = await withSchema();
    await using receiver = await Receiver.answering(200);
    // A delivery's hint that the other one took would be sent again after an hour.
    const start = (url: string) => Service.start({ ...sharedBy(url), RINGBACK_REDISPATCH_S: '3600' });
    await using busy = await start(schema);
    await using _idle = await start(database);
    const submits = Array.from({ length: 20 }, (_, input) =>
      busy.client.submit({ type: 'echo', input, callback: { url: receiver.url } }),
    );
    const operations = await Promise.all(submits);
    await receiver.received(20);
    for (const { id } of operations) expect(await busy.client.ended(id)).toMatchObject({ attempt: 1 });
  });
});
