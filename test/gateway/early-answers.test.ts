import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { WebhookClient } from '../../src/deliveries/webhook.client.js';
import { Egress } from '../../src/egress/egress.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';
import { Authority } from '../support/certificates.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { ImpatientServer, saying } from '../support/impatient.js';

const MB = 1024 * 1024;
const times = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

let upstream: ImpatientServer;
let app: App;
let port: number;
const gateway = () => `http://127.0.0.1:${port}`;
const key = { 'x-ringback-key': TEST_KEY };

beforeAll(async () => {
  upstream = await ImpatientServer.answering((head) =>
    head.includes(' /login') ? saying('401 Unauthorized') : saying('413 Content Too Large'),
  );
  port = await freePort();
  app = await App.start({ gateway: { upstream: upstream.url, port, publicUrl: gateway() } });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** A caller that sends its whole body before it reads, as most do; all that it reads. */
async function sent(path: string, size: number, head = ''): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const failed = new Promise<never>((_, reject) => socket.once('error', reject));
  const chunk = Buffer.alloc(65_536);
  socket.pause().write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${head}Content-Length: ${size}\r\n\r\n`);
  for (let left = size; left > 0; left -= chunk.length) {
    const written = new Promise((resolve) =>
      socket.write(chunk.subarray(0, Math.min(left, chunk.length)), resolve),
    );
    await Promise.race([written, failed]);
  }
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('error', reject).on('data', (data: Buffer) => {
      text += data.toString();
      if (text.endsWith('\r\n\r\nno')) {
        socket.destroy();
        resolve(text);
      }
    });
    socket.on('end', () => resolve(text)).resume();
  });
}

describe('an answer that comes before the request was read, from an upstream that then closes,', () => {
  it.each([
    ['/upload', '413', ''],
    ['/login', '401', ''],
    ['/upload', '413', 'Connection: close\r\n'],
  ])(
    'is seen by every caller of 46 that send 30 MB to %s: %s %s',
    { timeout: 120_000 },
    async (path, status, head) => {
      for (let count = 0; count < 46; count++)
        expect(await sent(path, 30 * MB, head)).toMatch(
          new RegExp(`^HTTP/1.1 ${status} [^]*\\r\\n\\r\\nno$`),
        );
      await expect.poll(() => upstream.open.size, { timeout: 10_000 }).toBe(0);
    },
  );

  it('is the result of a request in the background, each time', { timeout: 120_000 }, async () => {
    const rids = await Promise.all(
      times(6, async (at) => {
        const body = Buffer.alloc((at + 1) * 5 * MB);
        const taken = await fetch(`${gateway()}/upload?bgrs=yes`, { method: 'POST', headers: key, body });
        return ((await taken.json()) as { request: string }).request;
      }),
    );
    for (const rid of rids) {
      const row = async () =>
        ((await (await fetch(`${gateway()}/bgrs/${rid}`, { headers: key })).json()) as unknown[])[0];
      await expect
        .poll(row, { timeout: 60_000 })
        .toMatchObject({ status_name: 'finished', status: '413', content_type: 'text/plain' });
    }
  });

  it('is the result of http.request, each time', { timeout: 60_000 }, async () => {
    const ids = await Promise.all(
      times(12, async (at) => {
        const input = { method: 'POST', url: `${upstream.url}/x`, body: 'x'.repeat(60_000 * (at + 1)) };
        return (await app.client.submit({ type: 'http.request', input })).id as string;
      }),
    );
    for (const id of ids)
      await expect
        .poll(async () => (await app.client.get(`/v1/operations/${id}`)).body, { timeout: 30_000 })
        .toMatchObject({ status: 'Finished', result: { status: 413, body: 'no' } });
  });
});

describe('a callback whose receiver answers 200 without reading its body, and closes,', () => {
  const allowedPrivate = parseAllowedPrivate('127.0.0.0/8');
  const policy = new UrlPolicy({ allowedPrivate, allowHttp: false });
  const egress = new Egress({ policy, allowedPrivate });
  const client = new WebhookClient(egress, { timeoutMs: 10_000, userAgent: 'Ringback/test' });
  afterAll(() => egress.close());

  const attempt = (url: string, kib: number, by = client) =>
    by.attempt({ url: `${url}/hook`, headers: {}, body: JSON.stringify('x'.repeat(kib * 1024)) });

  it('is delivered, whatever its size from 80 to 249 KiB, and leaves no connection', async () => {
    await using receiver = await ImpatientServer.answering(saying('200 OK'));
    for (let kib = 80; kib <= 249; kib += 1)
      expect([kib, await attempt(receiver.url, kib)]).toMatchObject([kib, { kind: 'response', status: 200 }]);
    await expect.poll(() => receiver.open.size, { timeout: 10_000 }).toBe(0);
  });

  it('is delivered over TLS too, whatever its size to 8 MB', { timeout: 60_000 }, async () => {
    using authority = new Authority();
    const trusting = new Egress({ policy, allowedPrivate, roots: [authority.ca] });
    const safe = new WebhookClient(trusting, { timeoutMs: 10_000, userAgent: 'Ringback/test' });
    await using receiver = await ImpatientServer.answering(saying('200 OK'), {
      tls: authority.issue('IP:127.0.0.1'),
    });
    for (const kib of [80, 249, 1_000, 2_000, 4_000, 8_000])
      for (let again = 0; again < 5; again++)
        expect([kib, await attempt(receiver.url, kib, safe)]).toMatchObject([
          kib,
          { kind: 'response', status: 200 },
        ]);
    await expect.poll(() => receiver.open.size, { timeout: 10_000 }).toBe(0);
    trusting.close();
  });

  it('and doesn’t close, leaves no connection of ours', async () => {
    await using receiver = await ImpatientServer.answering(saying('200 OK').replace('close', 'keep-alive'), {
      closes: false,
    });
    expect(await attempt(receiver.url, 8_000)).toMatchObject({ kind: 'response', status: 200 });
    for (const socket of receiver.open) socket.resume();
    await expect.poll(() => receiver.open.size, { timeout: 3_000 }).toBe(0);
  });

  it('is a reset connection where it closes without an answer, or in the middle of one', async () => {
    for (const answer of ['', 'HTTP/1.1 200 OK\r\nContent-']) {
      await using receiver = await ImpatientServer.answering(answer);
      expect(await attempt(receiver.url, 249)).toMatchObject({ kind: 'error', code: 'connection_reset' });
    }
  });
});
