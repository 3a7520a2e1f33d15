import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { type OperationHandler, type OperationOutcome, OperationType } from '../../src/index.js';
import { App, TEST_KEY } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

const EXAMPLES = fileURLToPath(new URL('../../dist/examples/handlers.js', import.meta.url));

let end: () => void = () => undefined;
let begun = 0;

/** Ends when the test says so. */
@OperationType({ name: 'test.turn', title: 'Wait for its turn', path: 'test/turn' })
class TurnHandler implements OperationHandler {
  async run(): Promise<OperationOutcome> {
    await new Promise<void>((resolve) => {
      end = resolve;
      begun++;
    });
    return {};
  }
}
@Module({ providers: [TurnHandler] })
class TurnModule {}

/** Submits with a callback that an inline answer is to make needless, and waits for that answer. */
function submit(url: string, path: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/api/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

const operations = (databaseUrl: string): Promise<{ state: string }[]> =>
  rowsOf(databaseUrl, 'SELECT state FROM operation_view');

describe('A callback with onInline: false', { timeout: 60_000 }, () => {
  it('is sent when the caller has left before the end, and the ledger balances', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start({}, [TurnModule]);
    const caller = new AbortController();
    const callback = { url: receiver.url, onInline: false };
    const answer = submit(app.client.url, 'test/turn?inlinems=20000', { callback }, caller.signal);
    answer.catch(() => undefined);
    await expect.poll(() => begun).toBe(1);
    caller.abort();
    const silent = (): Promise<unknown> =>
      rowsOf(app.databaseUrl, 'SELECT silent_until FROM live_operation WHERE silent_until IS NOT NULL');
    await expect.poll(silent).toEqual([]);
    end();
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body).trm).toMatchObject({ status: 'Finished' });
    expect((await app.client.get('/v1/ledger')).body.balanced).toBe(true);
  });

  it('is not sent when the answer has told the end, and is owed until it has', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start({}, [TurnModule]);
    const before = begun;
    const callback = { url: receiver.url, onInline: false };
    const answer = submit(app.client.url, 'test/turn?inlinems=20000', { callback });
    await expect.poll(() => begun).toBe(before + 1);
    end();
    expect(await (await answer).json()).toMatchObject({ trm: { requestid: 0, status: 'Finished' } });
    await expect.poll(() => rowsOf(app.databaseUrl, 'SELECT FROM delivery')).toEqual([]);
    const { body } = await app.client.get('/v1/ledger');
    expect(body).toMatchObject({ balanced: true, ended_with_callback: 0 });
    expect(receiver.all).toEqual([]);
  });

  it('is sent when the process that held the answer is killed, however the operation ends', async () => {
    const database = await newDatabase();
    const shared = { ...sharedBy(database), RINGBACK_HANDLERS: EXAMPLES };
    await using receiver = await Receiver.answering(200);
    const holder = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    const callback = { url: receiver.url, onInline: false };
    const body = { files: ['none'], callback };
    submit(holder.client.url, 'documents/check?inlinems=3000', body).catch(() => undefined);
    await expect.poll(() => operations(database)).toEqual([{ state: 'Waiting' }]);
    await holder.end('SIGKILL');
    await using _worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    await expect.poll(() => operations(database), { timeout: 10_000 }).toEqual([{ state: 'Finished' }]);
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body).trm).toMatchObject({ status: 'Finished' });
  });
});
