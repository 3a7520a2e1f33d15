import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import { Receiver } from '../../support/receiver.js';
import { upstash, verifyWith } from './clients.js';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const client = () => upstash(app.client.url, TEST_KEY);
const publish = (destination: string, body?: string | Uint8Array, headers: Record<string, string> = {}) =>
  app.client.request('POST', `/qstash/v2/publish/${destination}`, body, headers);
const keys = async () => (await app.client.get('/qstash/v2/keys')).body;

describe('a message', () => {
  it('arrives as it was published: method, headers, bytes of the body, and a URL that nobody normalises', async () => {
    await using receiver = await Receiver.answering(200);
    const url = `http://127.0.0.1:${receiver.port}//a/%2F/b?x=%2F&y=1+1`;
    const { messageId } = await client().publishJSON({
      url,
      method: 'PUT',
      body: { hello: 'wörld' },
      headers: { 'My-Header': 'my value', Authorization: 'Bearer secret' },
    });
    const [received] = await receiver.received(1);
    expect(received!.path).toBe('//a/%2F/b?x=%2F&y=1+1');
    expect(received!.body).toBe('{"hello":"wörld"}');
    expect(received!.headers).toMatchObject({
      'content-type': 'application/json',
      'my-header': 'my value',
      authorization: 'Bearer secret',
      'user-agent': 'Upstash-QStash',
      'upstash-message-id': messageId,
      'upstash-retried': '0',
      'upstash-caller-ip': '127.0.0.1',
    });
    await verifyWith(await keys(), receiver, received!);
  });

  it('may have any bytes, or none, and be a GET', async () => {
    await using receiver = await Receiver.answering(200);
    const bytes = Uint8Array.from([0, 255, 128, 10]);
    await publish(receiver.url, bytes, { 'content-type': 'application/octet-stream' });
    const [binary] = await receiver.received(1);
    const signed = JSON.parse(
      Buffer.from(String(binary!.headers['upstash-signature']).split('.')[1]!, 'base64url').toString(),
    );
    expect(signed.body.replace(/=+$/, '')).toBe(createHash('sha256').update(bytes).digest('base64url'));
    expect(binary!.headers['content-length']).toBe('4');
    await publish(receiver.url, undefined, { 'upstash-method': 'GET' });
    const [, empty] = await receiver.received(2);
    expect(empty!.body).toBe('');
    expect(empty!.headers['content-type']).toBeUndefined();
    await verifyWith(await keys(), receiver, empty!);
  });

  it('goes to a URL that is escaped as a whole, too', async () => {
    await using receiver = await Receiver.answering(200);
    const { status } = await publish(encodeURIComponent(`${receiver.url}?a=b`));
    expect(status).toBe(200);
    const [received] = await receiver.received(1);
    expect(received!.path).toBe('/callback?a=b');
  });

  it.each(['caf%E9', '100%', '%zz/%2F?x=100%&y=%E9', '?nul=%00', 'nul/%00', 'a%20b/%C3%A9'])(
    'goes to a URL with any escapes, alone, through a queue and in a batch: %s',
    async (path) => {
      await using receiver = await Receiver.answering(200);
      const url = `http://127.0.0.1:${receiver.port}/${path}`;
      const sent = [await publish(url), await app.client.post(`/qstash/v2/enqueue/any/${url}`)];
      const batch = await app.client.post('/qstash/v2/batch', [{ destination: url }]);
      const accepted = { messageId: expect.stringMatching(/^msg_/), url };
      expect([...sent.map(({ body }) => body), ...batch.body]).toEqual([accepted, accepted, accepted]);
      const received = await receiver.received(3);
      expect(received.map((each) => each.path)).toEqual(Array(3).fill(`/${path}`));
    },
  );

  it('waits for its delay, and for the time it is not to come before', async () => {
    await using receiver = await Receiver.answering(200);
    const startedAt = Date.now();
    const { messageId } = await client().publishJSON({ url: receiver.url, body: 1, delay: '1s' });
    const inAnHour = Math.floor(Date.now() / 1000) + 3600;
    const later = await client().publishJSON({ url: receiver.url, body: 2, notBefore: inAnHour });
    expect((await client().messages.get(later.messageId)).notBefore).toBe(inAnHour * 1000);
    expect((await client().messages.get(messageId)).body).toBe('1');
    const [received] = await receiver.received(1);
    expect(received!.at - startedAt).toBeGreaterThanOrEqual(1_000);
    expect(received!.body).toBe('1');
    expect(await client().messages.cancel(later.messageId)).toEqual({ cancelled: 1 });
  });

  it('is published once for one id, and for one content, whatever else is published', async () => {
    await using receiver = await Receiver.answering(200);
    const send = (body: string, more: object) => client().publishJSON({ url: receiver.url, body, ...more });
    const first = await send('a', { deduplicationId: 'one' });
    expect(await send('b', { deduplicationId: 'one' })).toMatchObject({ ...first, deduplicated: true });
    const content = await send('c', { contentBasedDeduplication: true });
    expect(await send('c', { contentBasedDeduplication: true })).toMatchObject({
      ...content,
      deduplicated: true,
    });
    const other = await send('d', { contentBasedDeduplication: true });
    expect(other).not.toHaveProperty('deduplicated');
    const again = await publish(receiver.url, 'x', { 'upstash-deduplication-id': 'one' });
    expect(again.status).toBe(202);
    const received = await receiver.received(3);
    expect(received.map(({ body }) => body).toSorted()).toEqual(['"a"', '"c"', '"d"']);
  });

  it.each([
    ['no-such-group', 404, /no URL group/],
    ['api/llm', 501, /api\/llm/],
    ['a b', 400, /must be a URL/],
    ['ftp://a.example', 400, /must be a URL/],
    ['http://10.0.0.1/a', 400, /^destination: the address is not public/],
    ['https://user:secret@example.com/', 400, /./],
  ])('is refused in words where it is to go to "%s"', async (destination, status, error) => {
    const answer = await publish(destination, 'x');
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: expect.stringMatching(error) });
  });

  it('is refused in words without a token, with another one, and where it is too large', async () => {
    const nobody = app.client.withKey('rb_nobody');
    expect(await nobody.post('/qstash/v2/publish/https://example.com')).toMatchObject({
      status: 401,
      body: { error: expect.stringContaining('Bearer') },
    });
    const large = await publish('https://example.com', 'x'.repeat(1024 * 1024 + 1));
    expect(large).toMatchObject({ status: 413, body: { error: expect.any(String) } });
    const delay = await publish('https://example.com', 'x', { 'upstash-delay': 'soon' });
    expect(delay.body).toEqual({ error: 'Upstash-Delay must be a duration such as 10s, 5m or 1d2h' });
  });
});

describe('a batch', () => {
  it('publishes each message as if it came alone, and tells which are refused', async () => {
    await using receiver = await Receiver.answering(200);
    const answers = (await client().batchJSON([
      { url: `${receiver.url}?1`, body: { n: 1 }, headers: { 'x-n': '1' } },
      { url: 'http://10.0.0.1/' },
      { url: `${receiver.url}?2`, body: { n: 2 }, method: 'PATCH', delay: 0 },
    ])) as object[];
    expect(answers).toEqual([
      { messageId: expect.stringMatching(/^msg_/), url: `${receiver.url}?1` },
      { error: expect.stringContaining('destination: the address is not public') },
      { messageId: expect.stringMatching(/^msg_/), url: `${receiver.url}?2` },
    ]);
    const received = await receiver.received(2);
    const one = received.find(({ path }) => path.endsWith('?1'))!;
    expect(one.body).toBe('{"n":1}');
    expect(one.headers).toMatchObject({ 'x-n': '1', 'content-type': 'application/json' });
    for (const each of received) await verifyWith(await keys(), receiver, each);
  });

  it('refuses by its name a field that no header could be, and takes the rest', async () => {
    const url = 'https://example.com/';
    const fields = [
      { 'Upstash-Label': 'a\0b' },
      { 'Upstash-Callback': url, 'Upstash-Callback-Label': 'a\0b' },
      { 'Upstash-Callback': url, 'Upstash-Callback-Flow-Control-Key': 'a\0b' },
      {},
    ];
    const items = fields.map((headers) => ({
      destination: url,
      headers: { ...headers, 'Upstash-Delay': '1h' },
    }));
    const answer = await app.client.post('/qstash/v2/batch', items);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual([
      ...['Upstash-Label', 'Upstash-Callback-Label', 'Upstash-Callback-Flow-Control-Key'].map((name) => ({
        error: `${name} must have no control characters`,
      })),
      { messageId: expect.stringMatching(/^msg_/), url },
    ]);
  });

  it.each([
    ['{', /not JSON/],
    ['{}', /must be an array/],
    [
      JSON.stringify(Array.from({ length: 501 }, () => ({ destination: 'https://example.com' }))),
      /at most 500/,
    ],
  ])('is refused as a whole where it is none: %s', async (body, error) => {
    const answer = await app.client.post('/qstash/v2/batch', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatch(error);
  });
});

describe('what is not offered', () => {
  it.each([
    ['GET', '/v2/workflows/logs', 501],
    ['POST', '/llm/v1/chat/completions', 501],
    ['POST', '/v2/notify/event', 501],
    ['GET', '/v2/nonsense', 404],
  ])('%s %s is a %i that names it', async (method, path, status) => {
    const answer = await app.client.request(method, `/qstash${path}`);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toContain(`${method} ${path}`);
  });
});
