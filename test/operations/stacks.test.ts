import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stackOf } from '../../src/operations/run/stack.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

const INDEX = JSON.stringify(new URL('../../dist/src/index.js', import.meta.url).href);
const HANDLERS = `
  import ${JSON.stringify(import.meta.resolve('reflect-metadata'))};
  import { Module } from ${JSON.stringify(import.meta.resolve('@nestjs/common'))};
  import { OperationError, OperationType } from ${INDEX};
  class Breaks {
    run({ how }) {
      if (how === 'on purpose') throw new OperationError('out_of_stock', 'none left');
      if (how === 'no error') throw 'just a text';
      deepInside();
    }
  }
  function deepInside() {
    try { JSON.parse('{'); } catch (cause) { throw new Error('could not read', { cause }); }
  }
  OperationType({ name: 'test.breaks', title: 'Breaks', path: 'breaks', tries: 2, backoffS: [0.05] })(Breaks);
  export default class BreakingModule {}
  Module({ providers: [Breaks] })(BreakingModule);
`;

async function start() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const handlers = join(folder.path, 'handlers.mjs');
  await writeFile(handlers, HANDLERS);
  const database = await newDatabase();
  const service = stack.use(
    await Service.start({
      ...sharedBy(database),
      RINGBACK_HANDLERS: handlers,
      RINGBACK_LOG_LEVEL: 'warn',
      RINGBACK_DATA_DIR: folder.path,
    }),
  );
  const { body: accounts } = await service.client.get('/v1/accounts');
  const { body: key } = await service.client.post(`/v1/accounts/${accounts.data[0].id}/keys`, {
    name: 'tenant',
    scopes: ['operations:write', 'operations:read'],
  });
  const tenant = service.client.withKey(key.key);
  return { service, tenant, database, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What the log says of the attempts of an operation. */
const logged = (service: Service, id: string): any[] =>
  service
    .output()
    .split('\n')
    .filter((line) => line.includes('"attempt failed"') && line.includes(id))
    .map((line) => JSON.parse(line) as unknown);

describe('The stack of a failed attempt', { timeout: 60_000 }, () => {
  it('is in the log, and in the history for keys with admin, of every attempt and with its causes', async () => {
    await using started = await start();
    const { service, tenant } = started;
    const { id } = await tenant.submit({ type: 'test.breaks', input: { how: 'by mistake' } });
    expect(await tenant.ended(id)).toMatchObject({ status: 'Failed', error: { code: 'handler_error' } });
    const stack =
      /^Error: could not read\n +at deepInside \(.*handlers\.mjs:\d+:\d+\)\n[^]*\nCaused by: SyntaxError: .*\n +at JSON\.parse/;
    await expect.poll(() => logged(service, id)).toHaveLength(2);
    const about = {
      level: 40,
      type: 'test.breaks',
      tries: 2,
      error: 'handler_error',
      reason: 'could not read',
    };
    expect(logged(service, id)).toEqual([
      expect.objectContaining({
        ...about,
        attempt: 1,
        next_in_s: expect.any(Number),
        stack: expect.stringMatching(stack),
      }),
      expect.objectContaining({ ...about, attempt: 2, stack: expect.stringMatching(stack) }),
    ]);
    const { data } = (await service.client.get(`/v1/operations/${id}/history`)).body;
    const failed = data.filter((entry: object) => 'stack' in entry);
    expect(failed.map(({ status }: any) => status)).toEqual(['Waiting', 'Failed']);
    for (const entry of failed) expect(entry.stack).toMatch(stack);
  });

  it('is there also where the handler failed on purpose, and absent where no error was thrown', async () => {
    await using started = await start();
    const { service, tenant } = started;
    const purpose = await tenant.submit({ type: 'test.breaks', input: { how: 'on purpose' } });
    const odd = await tenant.submit({ type: 'test.breaks', input: { how: 'no error' } });
    for (const { id } of [purpose, odd]) expect((await tenant.ended(id)).status).toBe('Failed');
    await expect.poll(() => logged(service, purpose.id)).toHaveLength(1);
    expect(logged(service, purpose.id)[0]).toMatchObject({
      error: 'out_of_stock',
      stack: expect.stringContaining('handlers.mjs'),
    });
    await expect.poll(() => logged(service, odd.id)).toHaveLength(2);
    expect(logged(service, odd.id)[0]).toMatchObject({ error: 'handler_error', reason: 'just a text' });
    expect(logged(service, odd.id)[0]).not.toHaveProperty('stack');
  });

  it('is never told to callers', async () => {
    await using started = await start();
    const { service, tenant, database } = started;
    await using receiver = await Receiver.answering(200);
    const { id, request_id } = await tenant.submit({
      type: 'test.breaks',
      input: { how: 'by mistake' },
      callback: { url: receiver.url },
    });
    const [callback] = await receiver.received(1);
    const told = [
      callback!.body,
      ...(await Promise.all(
        [
          `/v1/operations/${id}`,
          `/v1/operations/${id}/history`,
          `/v1/operations/${id}/deliveries`,
          '/v1/operations',
          '/v1/deliveries',
          `/lro/operations/${id}`,
          `/api/trm/status?requestid=${request_id}`,
          '/api/trm/list',
        ].map(async (path) => (await tenant.get(path)).text),
      )),
      // A stream of events may be shown to anybody, whoever opened it.
      (await service.client.get(`/v1/operations/${id}/history`, { accept: 'text/event-stream' })).text,
    ];
    const text = told.join('\n');
    expect(text).toContain('could not read');
    expect(text).not.toMatch(/stack|handlers\.mjs|deepInside|Caused by|SyntaxError/);
    expect(
      await rowsOf(database, 'SELECT FROM operation_end WHERE error_message LIKE $1', ['%handlers.mjs%']),
    ).toEqual([]);
  });
});

describe('A stack', () => {
  it('is bounded, whatever the causes are', () => {
    const circle = new Error('first');
    circle.cause = circle;
    expect(stackOf(circle)!.match(/Caused by/g)).toHaveLength(5);
    expect(stackOf(new Error('x'.repeat(100_000)))).toHaveLength(8_000);
    expect(stackOf(new Error('a\u0000b', { cause: 'a text' }))).toMatch(
      /^Error: a\ufffdb\n[^]*\nCaused by: a text$/,
    );
  });

  it('shows no properties of errors, which may hold what was sent', () => {
    const error = Object.assign(new Error('refused'), { options: { headers: { authorization: 'secret' } } });
    expect(stackOf(error)).not.toContain('secret');
  });

  it.each([[undefined], [null], ['text'], [1n], [{}], [Object.create(null)]])(
    'is absent where %o is thrown',
    (thrown) => expect(stackOf(thrown)).toBeNull(),
  );

  it('is absent where an error cannot be looked at', () => {
    const hostile = Object.defineProperty(new Error(), 'stack', {
      get: () => {
        throw new Error('no');
      },
    });
    expect(stackOf(hostile)).toBeNull();
  });
});
