import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routable } from '../../src/http/raw-target.js';
import { originForm } from '../../src/http/request-target.js';
import { App, TEST_KEY } from '../support/app.js';

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** Posts to a target that is sent as it stands. */
async function post(
  target: string,
  body: string,
  type = 'application/json',
  key: string | undefined = TEST_KEY,
): Promise<{ status: number; type: string; body: any }> {
  const outgoing = request(app.client.url, {
    method: 'POST',
    path: target,
    headers: { 'content-type': type, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
  });
  outgoing.end(body);
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
    outgoing.once('response', resolve).once('error', reject),
  );
  return {
    status: answer.statusCode!,
    type: answer.headers['content-type']!,
    body: JSON.parse(await text(answer)),
  };
}

const SPELLINGS: [how: string, spell: (path: string) => string][] = [
  ['as it is', (path) => path],
  ['with escapes that it does not need', (path) => path.replace('i', '%69')],
  ['in the absolute form', (path) => `http://any.example${path}`],
  ['in both ways', (path) => `HTTP://any.example:1${path.replace('i', '%69')}`],
];

describe.each(SPELLINGS)('A URL that is spelled %s', (_, spell) => {
  it('stores the bytes of a raw upload', async () => {
    for (const type of ['application/json', 'text/plain', 'application/octet-stream']) {
      const { status, body } = await post(spell('/v1/files?name=a.json'), '{"some":"thing"}', type);
      expect([status, body.size, body.content_type]).toEqual([201, 16, type]);
    }
  });

  it('stores the file of a form', async () => {
    const form = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nbytes\r\n--b--\r\n';
    const type = 'multipart/form-data; boundary=b';
    expect(await post(spell('/v1/files'), form, type)).toMatchObject({ status: 201, body: { size: 5 } });
    const { status, body } = await post(spell('/api/media/upload'), form, type);
    expect([status, body.result]).toEqual([200, { token: expect.any(String), name: 'a' }]);
  });

  it('takes as much in a batch as a batch may hold', async () => {
    const operation = {
      type: 'echo',
      input: Object.fromEntries(Array.from({ length: 300 }, (_k, i) => [i, i])),
    };
    const operations = Array.from({ length: 40 }, () => operation);
    const { status, body } = await post(spell('/v1/operations/batch'), JSON.stringify({ operations }));
    expect([status, body.data?.length]).toEqual([200, 40]);
  });

  it('is refused in the words of its face', async () => {
    expect(await post(spell('/api/media/upload'), '{}', 'application/json', 'rb_none')).toMatchObject({
      status: 401,
      type: expect.stringContaining('application/json'),
      body: { reason: expect.any(String) },
    });
    const unknown = await post(spell('/v1/filesystem'), '{}');
    expect([unknown.status, unknown.type]).toEqual([404, expect.stringContaining('problem+json')]);
  });
});

it('A path below a face is its own also where no route has it, however it is spelled', async () => {
  for (const path of ['/%61pi/media/%00', 'http://any.example/api/media/%00', '/api/media/%00'])
    expect((await post(path, '{}')).body).toHaveProperty('reason');
});

it.each([
  ['/a/b?c=%61', '/a/b?c=%61'],
  ['/%61%2Fb%7e%25?%61', '/a%2Fb~%25?%61'],
  ['http://x:1/%62?q#f', '/b?q#f'],
  ['HTTPS://user@x?q=/', '/?q=/'],
  ['http://x', '/'],
  ['/http://x/y', '/http://x/y'],
  ['*', '/*'],
])('The target %s is %s', (target, origin) => expect(originForm(target)).toBe(origin));

it.each([
  ['/qstash/v2/publish/https://x/caf%E9', '/qstash/v2/publish/https://x/caf%25E9'],
  ['http://any/qstash/v2/enqueue/q/https://x/1%', 'http://any/qstash/v2/enqueue/q/https://x/1%25'],
  ['/qstash/v2/publish/https://x/%C3%A9/%2F?a=%E9', '/qstash/v2/publish/https://x/%C3%A9/%2F?a=%E9'],
  ['/qstash/v2/schedules/https://x/%00?a=%00', '/qstash/v2/schedules/https://x/%2500?a=%2500'],
  ['/qstash/v2/flowControl/1%/pin?rate=%31', '/qstash/v2/flowControl/1%25/pin?rate=%31'],
  ['/qstash/v2/queues/1%', '/qstash/v2/queues/1%'],
  ['/v1/operations/%E9?type=%00', '/v1/operations/%E9?type=%00'],
])('The target %s is routed as %s', (target, routed) => expect(routable(target)).toBe(routed));
