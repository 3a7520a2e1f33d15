import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UrlGroups } from '../../../src/messages/url-groups.js';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { Receiver } from '../../support/receiver.js';
import { HAS_PYTHON, Python, upstash } from './clients.js';

let app: App;
let client: Client;
let count = 0;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  client = await app.account(`groups-${++count}`);
});

const qstash = () => upstash(app.client.url, client.key);
const ONE = { name: 'one', url: 'http://127.0.0.1:9999/one' };
const TWO = { name: 'two', url: 'http://127.0.0.1:9999/two' };

describe('A URL group', () => {
  it('has the endpoints that were added, in their order, until they are removed by name or URL', async () => {
    const { urlGroups } = qstash();
    await urlGroups.addEndpoints({ name: 'a.group-1', endpoints: [ONE] });
    await urlGroups.addEndpoints({ name: 'a.group-1', endpoints: [TWO, { url: 'http://127.0.0.1:9999/' }] });
    const group = await urlGroups.get('a.group-1');
    expect(group.endpoints).toEqual([ONE, TWO, { url: 'http://127.0.0.1:9999/' }]);
    expect(group.updatedAt).toBeGreaterThan(group.createdAt);
    expect(await urlGroups.list()).toEqual([group]);
    await urlGroups.removeEndpoints({
      name: 'a.group-1',
      endpoints: [{ name: 'two' }, { url: 'http://127.0.0.1:9999/' }],
    });
    expect((await urlGroups.get('a.group-1')).endpoints).toEqual([ONE]);
  });

  it('replaces an endpoint by one of the same name or URL', async () => {
    const { urlGroups } = qstash();
    await urlGroups.addEndpoints({ name: 'a', endpoints: [ONE, TWO] });
    await urlGroups.addEndpoints({
      name: 'a',
      endpoints: [{ name: 'one', url: 'http://127.0.0.1:9999/new' }],
    });
    await urlGroups.addEndpoints({ name: 'a', endpoints: [{ name: 'other', url: TWO.url }] });
    expect((await urlGroups.get('a')).endpoints).toEqual([
      { name: 'one', url: 'http://127.0.0.1:9999/new' },
      { name: 'other', url: TWO.url },
    ]);
  });

  it('goes with the last of its endpoints, or as a whole, also where there is none', async () => {
    const { urlGroups } = qstash();
    await urlGroups.addEndpoints({ name: 'a', endpoints: [ONE] });
    await urlGroups.removeEndpoints({ name: 'a', endpoints: [{ name: 'one' }] });
    await expect(urlGroups.get('a')).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining('there is no URL group a'),
    });
    await urlGroups.addEndpoints({ name: 'a', endpoints: [ONE] });
    await urlGroups.delete('a');
    await urlGroups.delete('a');
    expect(await urlGroups.list()).toEqual([]);
  });

  it('loses no endpoint that is added while others are', async () => {
    const { urlGroups } = qstash();
    const endpoints = [1, 2, 3, 4].map((n) => ({ name: `e${n}`, url: `http://127.0.0.1:9999/${n}` }));
    await Promise.all(endpoints.map((one) => urlGroups.addEndpoints({ name: 'a', endpoints: [one] })));
    const names = (await urlGroups.get('a')).endpoints.map(({ name }) => name);
    expect(names.toSorted()).toEqual(['e1', 'e2', 'e3', 'e4']);
  });

  it('is its account’s alone', async () => {
    await qstash().urlGroups.addEndpoints({ name: 'a', endpoints: [ONE] });
    const other = upstash(app.client.url, (await app.account('other-groups')).key);
    expect(await other.urlGroups.list()).toEqual([]);
    await expect(other.publish({ urlGroup: 'a', body: 'x' })).rejects.toMatchObject({ status: 404 });
  });

  it.each([
    ['a b', { endpoints: [ONE] }, /letters, digits, hyphens/],
    ['a', {}, /endpoints must be a list of 1 to/],
    ['a', { endpoints: [] }, /endpoints must be a list of 1 to/],
    ['a', { endpoints: [7] }, /endpoints\[0\] must be an object/],
    ['a', { endpoints: [{ name: 'x' }] }, /endpoints\[0\]\.url must be a URL/],
    ['a', { endpoints: [{ url: 'ftp://example.com' }] }, /endpoints\[0\]\.url must be a URL/],
    ['a', { endpoints: [TWO, { ...ONE, name: '東京' }] }, /endpoints\[1\]\.name must be printable ASCII/],
    ['a', { endpoints: [{ ...ONE, name: 'a\nb' }] }, /endpoints\[0\]\.name must be printable ASCII/],
    ['a', { endpoints: [{ url: 'http://10.0.0.1/' }] }, /^http:\/\/10\.0\.0\.1\/: /],
    ['a', '{', /body is not JSON/],
    ['a', '[]', /body must be a JSON object/],
  ])('is refused what it can’t have: %s %j', async (name, body, message) => {
    const path = `/qstash/v2/topics/${encodeURIComponent(name)}/endpoints`;
    const answer = await client.post(path, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: expect.stringMatching(message) });
  });

  it('has at most a hundred endpoints', async () => {
    const endpoints = Array.from({ length: 101 }, (_, n) => ({ url: `http://127.0.0.1:9999/${n}` }));
    await expect(qstash().urlGroups.addEndpoints({ name: 'a', endpoints })).rejects.toMatchObject({
      status: 412,
      message: expect.stringContaining('at most 100 endpoints'),
    });
  });
});

describe('A message to a URL group', () => {
  it('becomes a message to each endpoint, which says which one it is', async () => {
    await using receiver = await Receiver.answering(200);
    const endpoints = ['one', 'two'].map((name) => ({
      name,
      url: `http://127.0.0.1:${receiver.port}/${name}`,
    }));
    await qstash().urlGroups.addEndpoints({ name: 'both', endpoints });
    const sent = await qstash().publishJSON({ urlGroup: 'both', body: { a: 1 } });
    expect(sent.map(({ url }) => url)).toEqual(endpoints.map(({ url }) => url));
    const arrived = await receiver.received(2);
    expect(new Set(arrived.map(({ headers }) => headers['upstash-message-id']))).toEqual(
      new Set(sent.map(({ messageId }) => messageId)),
    );
    for (const { path, headers, body } of arrived) {
      expect(headers).toMatchObject({ 'upstash-topic-name': 'both', 'upstash-endpoint-name': path.slice(1) });
      expect(body).toBe('{"a":1}');
    }
  });

  it('reaches an endpoint with a name that no header can hold, which is escaped', async () => {
    await using receiver = await Receiver.answering(200);
    const { body: account } = await client.get('/v1/account');
    // As it would have been stored by a face that didn't look.
    const old = [{ name: '東京', url: receiver.url }];
    await app.nest.get(UrlGroups, { strict: false }).add(account.id, 'old', old);
    await qstash().publish({ urlGroup: 'old', body: 'x' });
    const [arrived] = await receiver.received(1);
    expect(decodeURIComponent(String(arrived!.headers['upstash-endpoint-name']))).toBe('東京');
    await qstash().urlGroups.removeEndpoints({ name: 'old', endpoints: [{ name: '東京' }] });
    expect(await qstash().urlGroups.list()).toEqual([]);
  });

  it('is deduplicated at each endpoint', async () => {
    await using receiver = await Receiver.answering(200);
    const endpoints = ['one', 'two'].map((name) => ({ url: `http://127.0.0.1:${receiver.port}/${name}` }));
    await qstash().urlGroups.addEndpoints({ name: 'both', endpoints });
    const send = () => qstash().publish({ urlGroup: 'both', body: 'x', deduplicationId: 'once' });
    const [first, second] = [await send(), await send()];
    expect(second).toEqual(first.map((one) => ({ ...one, deduplicated: true })));
  });

  it('is accepted where it can be, and tells which of its endpoints are refused; refused is it where all are', async () => {
    // Hosts that the operator has named no longer.
    const shared = { database: { url: app.databaseUrl }, process: { roles: new Set(['api'] as const) } };
    await using wary = await App.start({ ...shared, egress: { httpHosts: ['localhost'] } });
    const named = { url: 'http://localhost:9999/' };
    await qstash().urlGroups.addEndpoints({ name: 'some', endpoints: [ONE, named, TWO] });
    await qstash().urlGroups.addEndpoints({ name: 'none', endpoints: [ONE, TWO] });
    const its = upstash(wary.client.url, client.key);
    const some = [ONE, named, TWO].map(({ url }) =>
      url === named.url
        ? { url, messageId: expect.stringMatching(/^msg_/) }
        : { url, error: expect.stringMatching(/^destination: the host is not one of RINGBACK_HTTP_HOSTS/) },
    );
    expect(await its.publish({ urlGroup: 'some', body: 'x', delay: 3600 })).toEqual(some);
    await expect(its.publish({ urlGroup: 'none', body: 'x' })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('RINGBACK_HTTP_HOSTS'),
    });
    const items = ['some', 'none'].map((urlGroup) => ({ urlGroup, body: 'x', delay: 3600 }));
    expect(await its.batch(items)).toEqual([some, { error: expect.stringContaining('RINGBACK_HTTP_HOSTS') }]);
  });

  it('to no group there is, or to no URL, is refused with what would do', async () => {
    const publish = (urlGroup: string) => qstash().publish({ urlGroup, body: 'x' });
    await expect(publish('nobody')).rejects.toMatchObject({
      status: 404,
      message: '{"error":"there is no URL group nobody"}',
    });
    await expect(publish('example.com/path')).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/must be a URL .*, or the name of a URL group/),
    });
  });
});

describe.skipIf(!HAS_PYTHON)('With Upstash’s Python client, a URL group', () => {
  it('is made, read, published to and removed', async () => {
    await using receiver = await Receiver.answering(200);
    await using python = Python.start(app.client.url, client.key);
    const url = receiver.url;
    await python.call('url_group.upsert_endpoints', { url_group: 'a', endpoints: [{ name: 'one', url }] });
    expect(await python.call('url_group.get', { url_group: 'a' })).toMatchObject({
      endpoints: [{ name: 'one', url }],
    });
    expect(await python.call('url_group.list')).toMatchObject([{ name: 'a' }]);
    const [sent] = await python.call('message.publish_json', { url_group: 'a', body: { a: 1 } });
    const [arrived] = await receiver.received(1);
    expect(arrived!.headers['upstash-message-id']).toBe(sent.message_id);
    await python.call('url_group.remove_endpoints', { url_group: 'a', endpoints: [{ name: 'one' }] });
    await expect(python.call('url_group.get', { url_group: 'a' })).rejects.toThrow('404');
    await python.call('url_group.delete', { url_group: 'a' });
  });
});
