import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';

/** Text as the bytes of its UTF-8, one character each: what all texts of this file are sent and read as. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const chars = (codes: number[]) => utf8(String.fromCodePoint(...codes));

/** What values hold: any byte that HTTP lets through, and characters whose low byte is a control character. */
const VALUES = {
  'every byte from 0x80 to 0xFF': String.fromCharCode(...range(0x80, 0xff)),
  'U+0080 to U+01FF': chars(range(0x80, 0x1ff)),
  'U+2000 to U+206F': chars(range(0x2000, 0x206f)),
  'an emoji': utf8('😀'),
  'CR and LF as low bytes': utf8('x\u010d\u010aX-Injected: 1\u010d\u010a\u010d\u010a'),
};
const LF = '\u010d\u010a';
/** The name of a file that tries to be a second request. */
const SMUGGLING = utf8(
  `attachment; filename="x${LF}X-Injected: 1${LF}${LF}abcGET /smuggled HTTP/1.1${LF}Host: x${LF}X-Rest: `,
);
/** Where a value may stand: Node treats one of these names in its own way. */
const NAMES = ['Content-Disposition', 'content-disposition', 'X-Name', 'Location', 'Content-Language'];

/** What the upstream says to a path, and all it heard: byte for byte, connection by connection. */
let upstream: Server;
const answers = new Map<string, string>();
const heard: string[] = [];
const sockets: Socket[] = [];
let app: App;
let port: number;

beforeAll(async () => {
  upstream = createServer((socket) => {
    const at = heard.push('') - 1;
    sockets.push(socket);
    socket
      .on('error', () => undefined)
      .on('data', (data) => {
        heard[at] += data.toString('latin1');
        if (!isWhole(heard[at]!)) return;
        const [, path] = /^[A-Z]+ (\S+) HTTP/.exec(heard[at]!)!;
        socket.write(answers.get(path!) ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'latin1');
        if (!path!.startsWith('/socket')) socket.end();
      });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  app = await App.start({
    gateway: { upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, port, publicUrl },
  });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  upstream.close();
});

function isWhole(message: string): boolean {
  const [head, ...rest] = message.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  if (rest.length === 0) return false;
  if (/\r\ntransfer-encoding:/i.test(head!))
    return /(?:^|\r\n)0\r\n/.test(body) && message.endsWith('\r\n\r\n');
  return body.length >= Number(/\r\ncontent-length: (\d+)/i.exec(head!)?.[1] ?? 0);
}

/** All that the gateway says to these bytes, sent on a connection of their own, until it closes that. */
async function said(message: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(message.replaceAll(/(?<!\r)\n/g, '\r\n'), 'latin1');
  return Buffer.concat((await socket.toArray()) as Buffer[]).toString('latin1');
}

/** All that the upstream hears while `ask` runs and `until` is true of it. */
async function heardIn(ask: () => Promise<unknown>, until = (all: string) => all !== ''): Promise<string> {
  const before = heard.length;
  await ask();
  const all = () => heard.slice(before).join('');
  await expect.poll(() => until(all()), { timeout: 20_000 }).toBe(true);
  return all();
}

/** The values of a header in a raw message, heads of all its messages and trailers alike. */
const valuesOf = (message: string, name: string) =>
  [...message.matchAll(new RegExp(`\\r\\n${name}: ([^\\r\\n]*)\\r\\n`, 'gi'))].map(([, value]) => value);
const requestsIn = (all: string) => all.match(/[A-Z]+ \S+ HTTP\/1\.1\r\n/g) ?? [];

/** A request in the background, ended; its rid. */
async function background(path: string, head = '', body = ''): Promise<string> {
  const taken = await said(
    `POST ${path}?bgrs=1 HTTP/1.1\nHost: x\nConnection: close\nX-Ringback-Key: ${TEST_KEY}\n${head}Content-Length: ${body.length}\n\n${body}`,
  );
  const { request: rid } = JSON.parse(taken.split('\r\n\r\n')[1]!) as { request: string };
  await expect.poll(() => said(read(`/bgrs/${rid}`)), { timeout: 20_000 }).toMatch(/"(?:finished|failed)"/);
  return rid;
}
const read = (path: string) =>
  `GET ${path} HTTP/1.1\nHost: x\nConnection: close\nX-Ringback-Key: ${TEST_KEY}\n\n`;

const cases = Object.entries(VALUES).flatMap(([what, value]) =>
  NAMES.map((name) => [what, name, `a; b="${value}"`] as const),
);

describe('a header value leaves as the bytes it came as', () => {
  it.each(cases)('passed through, in a request and its answer: %s in %s', async (_, name, value) => {
    answers.set('/answer', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${name}: ${value}\r\n\r\nok`);
    let answer = '';
    const request = await heardIn(async () => {
      answer = await said(
        `POST /answer HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 3\n${name}: ${value}\n\nabc`,
      );
    });
    expect(valuesOf(request, name)).toEqual([value]);
    expect(requestsIn(request)).toHaveLength(1);
    expect(valuesOf(answer, name)).toEqual([value]);
    expect(answer).toMatch(/\r\n\r\nok$/);
  });

  it.each(cases)('in a WebSocket’s handshake, both ways: %s in %s', async (_, name, value) => {
    for (const [path, status] of [
      ['/socket', '101 Switching Protocols'],
      ['/refused', '403 Forbidden'],
    ]) {
      const length = status!.startsWith('101') ? '' : 'Content-Length: 0\r\n';
      answers.set(
        path!,
        `HTTP/1.1 ${status}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${length}${name}: ${value}\r\n\r\n`,
      );
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      const request = await heardIn(async () => {
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n${name}: ${value}\r\n\r\n`,
          'latin1',
        );
        while (!answer.includes('\r\n\r\n'))
          answer += ((await once(socket, 'data')) as [Buffer])[0].toString('latin1');
      });
      socket.destroy();
      expect(valuesOf(request, name)).toEqual([value]);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n`));
      expect(valuesOf(answer, name)).toEqual([value]);
    }
  });

  it.each(Object.entries(VALUES))('in trailers, both ways: %s', async (_, value) => {
    const chunked = (start: string) =>
      `${start}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: ${value}\r\n\r\n`;
    answers.set('/trailers', chunked('HTTP/1.1 200 OK'));
    let answer = '';
    const request = await heardIn(async () => {
      answer = await said(chunked('POST /trailers HTTP/1.1\r\nHost: x\r\nConnection: close'));
    });
    expect(valuesOf(request, 'X-Sum')).toEqual([value]);
    expect(requestsIn(request)).toHaveLength(1);
    expect(valuesOf(answer, 'X-Sum')).toEqual([value]);
  });

  it.each(Object.entries(VALUES))('in the background, and in its result: %s', async (what, value) => {
    const path = `/kept-${Object.keys(VALUES).indexOf(what)}`;
    const kept = ['Content-Disposition', 'Content-Language', 'Location', 'Content-Type'];
    const lines = (names: string[]) => names.map((name) => `${name}: a; b="${value}"\r\n`).join('');
    answers.set(path, `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${lines(kept)}\r\nok`);
    let rid = '';
    const request = await heardIn(async () => {
      rid = await background(path, lines([...NAMES, 'Content-Type']), 'abc');
    });
    for (const name of [...NAMES, 'Content-Type'])
      for (const arrived of valuesOf(request, name))
        expect([name, arrived]).toEqual([name, `a; b="${value}"`]);
    expect(valuesOf(request, 'X-Name')).toHaveLength(1);
    expect(requestsIn(request)).toHaveLength(1);
    const result = await said(read(`/bgrs/${rid}/result`));
    for (const name of kept) expect([name, valuesOf(result, name)]).toEqual([name, [`a; b="${value}"`]]);
    expect(result).toMatch(/\r\n\r\nok$/);
  });

  it.each(Object.entries(VALUES))('in the requests of a batch: %s', async (_, value) => {
    const request = await heardIn(
      () =>
        background(
          '/batch',
          `Content-Type: application/json\r\nContent-Disposition: ${value}\r\nX-Name: ${value}\r\n`,
          JSON.stringify([{ method: 'POST', path: '/item', body: 'abc', headers: { 'X-A': '1' } }]),
        ),
      (all) => all.includes('/item'),
    );
    expect(valuesOf(request, 'X-Name')).toEqual([value]);
    expect(requestsIn(request)).toHaveLength(1);
  });
});

describe('one message stays one', () => {
  it('a file name with U+010D and U+010A in it is no second request, and no header', async () => {
    const request = await heardIn(() =>
      said(
        `POST /x HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 3\nContent-Disposition: ${SMUGGLING}\n\nabc`,
      ),
    );
    expect(requestsIn(request)).toEqual(['POST /x HTTP/1.1\r\n']);
    expect(request).not.toMatch(/\r\nx-injected/i);
    expect(valuesOf(request, 'content-disposition')).toEqual([SMUGGLING.trim()]);
    expect(request).toMatch(/\r\n\r\nabc$/);
  });

  it('the name that an upstream gives a file arrives as it is, passed through and in a result', async () => {
    const name = `attachment; filename="${utf8('č.csv')}"`;
    answers.set('/file', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Disposition: ${name}\r\n\r\nok`);
    const rid = await background('/file');
    for (const path of ['/file', `/bgrs/${rid}/result`])
      expect(valuesOf(await said(read(path)), 'content-disposition')).toEqual([name]);
  });

  it('codings that the upstream names are passed on with their end, and no body of a handshake is', async () => {
    answers.set('/gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzipped');
    const answer = await said(read('/gzip'));
    expect(valuesOf(answer, 'transfer-encoding')).toEqual(['gzip, chunked']);
    expect(answer).toMatch(/\r\n\r\n6\r\nzipped\r\n0\r\n\r\n$/);
    const request = await heardIn(() =>
      said('GET /x HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nContent-Length: 99\n\n'),
    );
    expect(valuesOf(request, 'content-length')).toEqual([]);
  });
});
