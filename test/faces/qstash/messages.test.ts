import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import { rowsOf } from '../../support/database.js';
import { type Answer, type Received, Receiver } from '../../support/receiver.js';
import { upstash, verifyWith } from './clients.js';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const client = () => upstash(app.client.url, TEST_KEY);
const keys = async () => (await app.client.get('/qstash/v2/keys')).body;
/** Retries at once. */
const SOON = { retryDelay: '10' };

/** Answers with a status, headers and a body. */
const saying =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);

const toldBy = ({ body }: Received) => JSON.parse(body);
const deadLetter = async (messageId: string) =>
  (await client().dlq.listMessages({ filter: { messageId } })).messages;
const dead = async (messageId: string) => {
  await expect.poll(async () => (await deadLetter(messageId)).length, { timeout: 10_000 }).toBe(1);
  return (await deadLetter(messageId))[0]!;
};
const logged = async (messageId: string) => {
  const { logs } = await client().logs({ messageIds: [messageId] });
  return logs.toReversed();
};

describe('a message that fails', () => {
  it('is retried, counted and signed anew, until a 2xx', async () => {
    await using receiver = await Receiver.answering(500, 302, 404, 201);
    const { messageId } = await client().publish({ url: receiver.url, body: 'hello', retries: 5, ...SOON });
    const received = await receiver.received(4);
    expect(received.map(({ headers }) => headers['upstash-retried'])).toEqual(['0', '1', '2', '3']);
    for (const each of received) {
      expect(each.headers['upstash-message-id']).toBe(messageId);
      expect(each.body).toBe('hello');
      await verifyWith(await keys(), receiver, each);
    }
    await expect.poll(async () => (await logged(messageId)).at(-1)?.state).toBe('DELIVERED');
    const logs = await logged(messageId);
    expect(logs.map(({ state }) => state)).toEqual([
      'CREATED',
      ...['ACTIVE', 'ERROR', 'RETRY'],
      ...['ACTIVE', 'ERROR', 'RETRY'],
      ...['ACTIVE', 'ERROR', 'RETRY'],
      ...['ACTIVE', 'DELIVERED'],
    ]);
    expect(logs[2]).toMatchObject({ error: 'POST answered 500', responseStatus: 500, url: receiver.url });
    await expect(client().messages.get(messageId)).rejects.toThrow(/not found/);
    expect(await deadLetter(messageId)).toEqual([]);
  });

  it('waits as long as its receiver asks', async () => {
    await using receiver = await Receiver.answering(saying(429, { 'retry-after': '1' }), 200);
    await client().publish({ url: receiver.url, ...SOON });
    const [first, second] = await receiver.received(2);
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(950);
  });

  it('ends in the dead letter queue when its retries are used up, with its last answer', async () => {
    await using receiver = await Receiver.answering(
      saying(500),
      saying(418, { 'x-tea': 'pot' }, 'short & stout'),
    );
    const { messageId } = await client().publishJSON({
      url: receiver.url,
      body: { a: 1 },
      retries: 1,
      ...SOON,
    });
    await receiver.received(2);
    expect(await dead(messageId)).toMatchObject({
      messageId,
      url: receiver.url,
      method: 'POST',
      header: { 'Content-Type': ['application/json'] },
      body: '{"a":1}',
      maxRetries: 1,
      responseStatus: 418,
      responseHeader: { 'X-Tea': ['pot'] },
      responseBody: 'short & stout',
      callerIP: '127.0.0.1',
    });
    const logs = await logged(messageId);
    expect(logs.slice(-2)).toMatchObject([{ state: 'ERROR', responseStatus: 418 }, { state: 'FAILED' }]);
    expect(receiver.all).toHaveLength(2);
  });

  it('ends there at once where its receiver says that no retry makes sense, and only then', async () => {
    await using receiver = await Receiver.answering(
      saying(489),
      saying(400, { 'upstash-nonretryable-error': 'true' }),
      saying(489, { 'upstash-nonretryable-error': 'true' }),
    );
    const { messageId } = await client().publish({ url: receiver.url, retries: 9, ...SOON });
    await receiver.received(3);
    expect((await dead(messageId)).responseStatus).toBe(489);
    expect(receiver.all).toHaveLength(3);
  });

  it('tells why where nobody answers, or too late', async () => {
    const gone = await Receiver.answering(200);
    const goneUrl = gone.url;
    await gone[Symbol.asyncDispose]();
    await using hanging = await Receiver.answering(() => undefined);
    const refused = await client().publish({ url: goneUrl, retries: 0 });
    const late = await client().publish({ url: hanging.url, retries: 0, timeout: 1 });
    expect(await dead(refused.messageId)).toMatchObject({
      responseStatus: 0,
      responseBody: expect.stringMatching(/refused/i),
    });
    expect(await dead(late.messageId)).toMatchObject({ responseStatus: 0 });
  });

  it('is retried from there as a new message, changed as the request says, and is gone from it', async () => {
    await using receiver = await Receiver.answering(500, 500, 200);
    const send = () => client().publishJSON({ url: receiver.url, body: { n: 1 }, retries: 0, label: 'mine' });
    const { dlqId } = await dead((await send()).messageId);
    const { responses } = await client().dlq.retry(dlqId);
    const again = await dead(responses[0]!.messageId);
    expect(again).toMatchObject({ body: '{"n":1}', label: 'mine', responseStatus: 500 });
    await expect(app.client.get(`/qstash/v2/dlq/${dlqId}`)).resolves.toMatchObject({ status: 404 });
    const changed = await app.client.post(`/qstash/v2/dlq/retry/${again.dlqId}`, undefined, {
      'upstash-method': 'PUT',
      'upstash-forward-x-again': 'yes',
    });
    expect(changed.status).toBe(201);
    const received = await receiver.received(3);
    expect(received[2]!.headers).toMatchObject({ 'x-again': 'yes', 'content-type': 'application/json' });
    expect(received[2]!.body).toBe('{"n":1}');
  });

  it('stays there where its retry is refused, and is retried with the others where it is not', async () => {
    const other = (await app.account('retried-together')).key;
    const urls = ['http://localhost:9999/', 'http://127.0.0.1:9999/'];
    for (const url of urls) await upstash(app.client.url, other).publish({ url, retries: 0 });
    const letters = async () => (await upstash(app.client.url, other).dlq.listMessages()).messages;
    await expect.poll(async () => (await letters()).length, { timeout: 10_000 }).toBe(2);
    const refused = (await letters()).find(({ url }) => url === urls[1])!;
    // A host that the operator has named no longer.
    const shared = { database: { url: app.databaseUrl }, process: { roles: new Set(['api'] as const) } };
    await using wary = await App.start({ ...shared, egress: { httpHosts: ['localhost'] } });
    const { responses } = await upstash(wary.client.url, other).dlq.retry({ all: true });
    expect(responses).toHaveLength(2);
    expect(responses).toContainEqual({ messageId: expect.stringMatching(/^msg_/), url: urls[0] });
    expect(responses).toContainEqual({
      dlqId: refused.dlqId,
      error: expect.stringMatching(/^destination: the host is not one of RINGBACK_HTTP_HOSTS/),
    });
    expect((await letters()).map(({ dlqId }) => dlqId)).toContain(refused.dlqId);
  });

  it('is deleted from there, by id, by several, and by what is asked of them', async () => {
    await using receiver = await Receiver.answering(500);
    const ids = [];
    for (const label of ['one', 'one', 'two', 'three'])
      ids.push((await client().publish({ url: `${receiver.url}?${label}`, retries: 0, label })).messageId);
    const all = await Promise.all(ids.map((id) => dead(id)));
    const filtered = await client().dlq.listMessages({
      filter: { label: ['one', 'two'], responseStatus: 500 },
    });
    expect(filtered.messages.map(({ messageId }) => messageId)).toEqual(ids.slice(0, 3).toReversed());
    const first = await client().dlq.listMessages({ count: 1, filter: { label: 'one' } });
    expect(first.messages).toMatchObject([{ messageId: ids[1] }]);
    const rest = await client().dlq.listMessages({
      count: 1,
      filter: { label: 'one' },
      cursor: first.cursor!,
    });
    expect(rest.messages).toMatchObject([{ messageId: ids[0] }]);
    const here = await client().dlq.listMessages({ filter: { url: `${receiver.url}?three` } });
    expect(here.messages).toMatchObject([{ messageId: ids[3] }]);

    expect(await client().dlq.delete(all[3]!.dlqId)).toEqual({ deleted: 1 });
    await expect(client().dlq.delete(all[3]!.dlqId)).rejects.toThrow(/not found/);
    expect(await client().dlq.delete([all[2]!.dlqId])).toMatchObject({ deleted: 1 });
    expect(await client().dlq.delete({ filter: { label: 'one' } })).toMatchObject({ deleted: 2 });
    for (const id of ids) expect(await deadLetter(id)).toEqual([]);
  });
});

describe('a callback', () => {
  it("tells the end once, in QStash's words, as a message that is signed and retried", async () => {
    await using receiver = await Receiver.answering(saying(500), saying(200, { 'x-a': 'b' }, 'föö'));
    await using told = await Receiver.answering(503, 200);
    const { messageId } = await client().publishJSON({
      url: receiver.url,
      body: { hello: 'world' },
      ...SOON,
      callback: told.url,
      failureCallback: told.url,
      headers: {
        'Upstash-Callback-Method': 'PUT',
        'Upstash-Callback-Retry-Delay': '10',
        'Upstash-Callback-Forward-Authorization': 'Bearer secret',
      },
    });
    const [first, second] = await told.received(2);
    expect(toldBy(first!)).toEqual({
      status: 200,
      header: expect.objectContaining({ 'X-A': ['b'] }),
      body: Buffer.from('föö').toString('base64'),
      retried: 1,
      maxRetries: 3,
      sourceMessageId: messageId,
      url: receiver.url,
      method: 'POST',
      sourceHeader: { 'Content-Type': ['application/json'] },
      sourceBody: Buffer.from('{"hello":"world"}').toString('base64'),
      notBefore: expect.any(Number),
      createdAt: expect.any(Number),
      callerIP: '127.0.0.1',
    });
    expect(second!.body).toBe(first!.body);
    expect(first!.headers).toMatchObject({
      authorization: 'Bearer secret',
      'content-type': 'application/json',
    });
    expect(second!.headers['upstash-retried']).toBe('1');
    for (const each of told.all) await verifyWith(await keys(), told, each);
    expect(told.all).toHaveLength(2);
  });

  it('tells of a failure, beside the failure callback, which names the dead letter', async () => {
    await using receiver = await Receiver.answering(saying(500, {}, 'no'));
    await using told = await Receiver.answering(200);
    const { messageId } = await client().publish({
      ...{ url: receiver.url, body: 'x', retries: 1, ...SOON },
      ...{ callback: `${told.url}?done`, failureCallback: `${told.url}?failed` },
    });
    const { dlqId } = await dead(messageId);
    const received = await told.received(2);
    const failure = received.find(({ path }) => path.endsWith('?failed'))!;
    expect(toldBy(failure)).toMatchObject({
      status: 500,
      retried: 1,
      maxRetries: 1,
      dlqId,
      sourceMessageId: messageId,
    });
    const done = received.find(({ path }) => path.endsWith('?done'))!;
    expect(toldBy(done)).toMatchObject({ status: 500, body: Buffer.from('no').toString('base64') });
  });

  it('neither stores nor shows in clear what is sealed or redacted of its message', async () => {
    await using receiver = await Receiver.answering(200);
    await using told = await Receiver.answering(500);
    const send = (redact: object) =>
      client().publish({
        ...{ url: `${receiver.url}?key=hush-query`, body: 'hush-body', retries: 0, callback: told.url },
        ...{ headers: { authorization: 'hush-token' }, redact },
      });
    const hush = [/hush/, new RegExp(Buffer.from('hush-body').toString('base64'))];
    for (const redact of [{}, { header: ['authorization'] }, { body: true, header: true }] as const) {
      const count = told.all.length;
      const { messageId } = await send(redact);
      const body = toldBy((await told.received(count + 1)).at(-1)!);
      expect(body).toMatchObject({
        sourceMessageId: messageId,
        sourceHeader: { Authorization: ['hush-token'] },
      });
      const id = String(told.all.at(-1)!.headers['upstash-message-id']);
      const letter = await dead(id);
      if ('header' in redact) {
        expect(letter.body).toMatch(/^REDACTED:[0-9a-f]{64}$/);
        expect(JSON.stringify(await logged(id))).not.toMatch(/hush/);
      }
      const rid = id.slice('msg_'.length);
      const request = await app.client.get(`/v1/operations/${rid}/request`);
      const [row] = await rowsOf<{ input: string }>(
        app.databaseUrl,
        'SELECT input FROM operation WHERE rid = $1',
        [rid],
      );
      for (const secret of hush) {
        expect(request.text).not.toMatch(secret);
        expect(row!.input).not.toMatch(secret);
      }
    }
  });

  it('is a dead letter itself where nobody takes it', async () => {
    await using receiver = await Receiver.answering(200);
    await using told = await Receiver.answering(500);
    const callback = `${told.url}?dead`;
    await client().publish({ url: receiver.url, retries: 0, callback });
    const letters = async () => (await client().dlq.listMessages({ filter: { url: callback } })).messages;
    await expect.poll(async () => (await letters()).length).toBe(1);
    expect((await letters())[0]).toMatchObject({ responseStatus: 500, maxRetries: 0 });
  });

  it('comes after each attempt where the operator wants that', async () => {
    await using own = await App.start({ qstash: { callbacks: 'per-attempt' } });
    await using receiver = await Receiver.answering(500, 502, 200);
    await using told = await Receiver.answering(200);
    await upstash(own.client.url, TEST_KEY).publish({ url: receiver.url, ...SOON, callback: told.url });
    const received = await told.received(3);
    const bodies = received.map(toldBy).toSorted((one, other) => one.retried - other.retried);
    expect(bodies.map(({ status, retried }) => [status, retried])).toEqual([
      [500, 0],
      [502, 1],
      [200, 2],
    ]);
  });
});

describe('a message that waits', () => {
  it('is canceled with all others that are meant by one request, whatever count the client sends', async () => {
    const other = upstash(app.client.url, (await app.account('counted')).key);
    const given = { url: 'http://127.0.0.1:9999/', delay: 3600 };
    await other.batch([
      ...Array.from({ length: 150 }, () => given),
      ...Array.from({ length: 110 }, () => ({ ...given, label: 'counted' })),
    ]);
    expect(await other.messages.cancel({ filter: { label: 'counted' } })).toEqual({ cancelled: 110 });
    expect(await other.messages.cancel({ all: true })).toEqual({ cancelled: 150 });
    expect(await other.messages.cancel({ all: true, count: 1 })).toEqual({ cancelled: 0 });
  });

  it('is canceled by id, by several, and by what is asked of them', async () => {
    const send = async (more: object) =>
      (await client().publish({ url: 'http://127.0.0.1:9999/never', delay: 3600, ...more })).messageId;
    const labelled = [await send({ label: 'a' }), await send({ label: ['b', 'c'] })];
    const others = [await send({}), await send({}), await send({ url: 'http://127.0.0.1:9999/other?x=1' })];
    expect(await client().messages.cancel({ filter: { label: ['a', 'c'] } })).toEqual({ cancelled: 2 });
    for (const id of labelled) await expect(client().messages.get(id)).rejects.toThrow(/not found/);
    expect(await client().messages.cancel(others.slice(0, 2))).toEqual({ cancelled: 2 });
    expect(await client().messages.cancel({ filter: { path: '/other', host: '127.0.0.1:9999' } })).toEqual({
      cancelled: 1,
    });
    expect((await logged(others[0]!)).map(({ state }) => state)).toEqual(['CREATED', 'CANCELED']);
    await send({});
    for (const [query, body] of [
      ['', ['msg_1']],
      ['', 'msg_1'],
      ['', { ids: ['msg_1'] }],
      ['?lable=a', undefined],
    ] as const)
      expect(
        (await app.client.request('DELETE', `/qstash/v2/messages${query}`, body && JSON.stringify(body)))
          .status,
      ).toBe(400);
    expect((await app.client.request('DELETE', '/qstash/v2/messages?queueName=')).body).toEqual({
      cancelled: 0,
    });
    const none = await app.client.request('DELETE', '/qstash/v2/messages', { messageIds: [] });
    expect(none.body).toEqual({ cancelled: 0 });
    expect(await client().messages.cancel({ all: true })).toEqual({ cancelled: 1 });
    await expect(client().messages.cancel(others[0]!)).rejects.toThrow(/not found/);
  });

  it('stops being delivered where it is under way', async () => {
    await using receiver = await Receiver.answering(() => undefined);
    const { messageId } = await client().publish({
      url: receiver.url,
      callback: 'http://127.0.0.1:9999/never',
    });
    await receiver.received(1);
    expect(await client().messages.cancel(messageId)).toEqual({ cancelled: 1 });
    await expect
      .poll(async () => (await logged(messageId)).map(({ state }) => state), { timeout: 10_000 })
      .toEqual(['CREATED', 'ACTIVE', 'CANCEL_REQUESTED', 'CANCELED']);
    expect(receiver.all).toHaveLength(1);
  });

  it('shows what its publisher wanted hidden as a digest alone, and delivers it whole', async () => {
    await using receiver = await Receiver.answering(500);
    const { messageId } = await client().publishJSON({
      ...{ url: receiver.url, body: 'secret', retries: 0, redact: { body: true, header: ['authorization'] } },
      headers: { authorization: 'secret', 'x-other': 'shown' },
    });
    const [received] = await receiver.received(1);
    expect(received!.body).toBe('"secret"');
    const letter = await dead(messageId);
    expect(letter.body).toMatch(/^REDACTED:[0-9a-f]{64}$/);
    expect(letter.header).toMatchObject({
      Authorization: [expect.stringMatching(/^REDACTED:/)],
      'X-Other': ['shown'],
    });
    const rid = messageId.slice('msg_'.length);
    const request = await app.client.get(`/v1/operations/${rid}/request`);
    expect(request.status).toBe(200);
    expect(request.text).not.toMatch(/secret"?'?\\"/);
  });
});

describe('the logs', () => {
  it('are paged from the newest message on, and filtered by state', async () => {
    await using receiver = await Receiver.answering(200);
    const ids: string[] = [];
    for (let n = 0; n < 5; n++)
      ids.push((await client().publish({ url: receiver.url, label: 'paged' })).messageId);
    await expect
      .poll(async () => (await client().logs({ filter: { label: 'paged', state: 'DELIVERED' } })).logs.length)
      .toBe(5);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await client().logs({
        count: 3,
        filter: { label: 'paged' },
        ...(cursor ? { cursor } : {}),
      });
      seen.push(...page.logs.map(({ messageId, state }) => `${messageId} ${state}`));
      cursor = page.cursor;
    } while (cursor);
    expect(seen).toEqual(
      ids.toReversed().flatMap((id) => [`${id} DELIVERED`, `${id} ACTIVE`, `${id} CREATED`]),
    );
    const from = await client().logs({ filter: { fromDate: Date.now() + 60_000 } });
    expect(from.logs).toEqual([]);
  });
});

describe('a key that may only read', () => {
  it('sees of headers, bodies and queries no more than what stands for them', async () => {
    await using receiver = await Receiver.answering(500);
    const own = await app.account('readers');
    const { body: account } = await own.get('/v1/account');
    const scopes = ['operations:read'];
    const { body: key } = await app.client.post(`/v1/accounts/${account.id}/keys`, { name: 'r', scopes });
    const reader = app.client.withKey(key.key);
    const qstash = upstash(app.client.url, own.key);
    const url = `${receiver.url}?key=hush`;
    const told = `${receiver.url}told?key=hush`;
    const given = {
      ...{ body: 'hush', retries: 0, callback: told, failureCallback: told },
      headers: {
        ...{ authorization: 'hush', 'Upstash-Callback-Forward-Authorization': 'hush' },
        'Upstash-Failure-Callback-Forward-Authorization': 'hush',
      },
    };
    const { messageId } = await qstash.publish({ ...given, url, delay: 3600 });
    const failed = await qstash.publish({ ...given, url });
    await qstash.schedules.create({ ...given, destination: url, cron: '0 0 1 1 *', scheduleId: 'a' });
    await qstash.urlGroups.addEndpoints({ name: 'group', endpoints: [{ name: 'one', url }] });
    const letters = `/qstash/v2/dlq?messageId=${failed.messageId}`;
    await expect.poll(async () => (await own.get(letters)).body.messages.length).toBe(1);
    const { dlqId } = (await own.get(letters)).body.messages[0];
    const paths = [
      ...[`/qstash/v2/messages/${messageId}`, '/qstash/v2/dlq', `/qstash/v2/dlq/${dlqId}`, '/qstash/v2/logs'],
      ...['/qstash/v2/events', '/qstash/v2/schedules', '/qstash/v2/schedules/a'],
      ...['/qstash/v2/topics', '/qstash/v2/topics/group'],
    ];
    for (const path of paths) {
      expect([path, (await own.get(path)).text]).toEqual([path, expect.stringContaining('hush')]);
      const { status, text } = await reader.get(path);
      expect([path, status, text]).toEqual([path, 200, expect.not.stringContaining('hush')]);
    }
    const digest = expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/);
    expect((await reader.get(paths[0]!)).body).toMatchObject({
      ...{ url: `${receiver.url}?`, header: { Authorization: [digest] }, body: digest },
      ...{ callback: `${receiver.url}told?`, callbackHeader: { Authorization: [digest] } },
    });
  });
});

describe('the signing keys', () => {
  it('go on to the next one by a rotation, which receivers with either pair survive', async () => {
    await using receiver = await Receiver.answering(200);
    const before = await keys();
    const { body: after } = await app.client.post('/qstash/v2/keys/rotate');
    expect(after.current).toBe(before.next);
    expect(after.next).not.toBe(before.next);
    expect(await keys()).toEqual(after);
    await client().publish({ url: receiver.url, body: 'x' });
    const [received] = await receiver.received(1);
    for (const pair of [before, after]) await verifyWith(pair, receiver, received!);
    await expect(
      verifyWith({ current: before.current, next: before.current }, receiver, received!),
    ).rejects.toThrow(/signature/);
  });

  it("are an account's own", async () => {
    const other = await app.account('qstash-keys');
    const own = (await other.get('/qstash/v2/keys')).body;
    expect(own).toEqual({ current: expect.stringMatching(/^sig_/), next: expect.stringMatching(/^sig_/) });
    expect(own.current).not.toBe((await keys()).current);
  });
});
