import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/app.js';
import { newDatabase } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

const MIB = 1024 * 1024;
const CHUNK = Buffer.from(Array.from({ length: 65_536 }, (_, at) => (at * 31) % 251));

/** How much has been taken from a generated body. */
interface Taken {
  bytes: number;
}

/** A body of `bytes`, made as it is read: every chunk begins with its number. */
function generated(bytes: number, taken: Taken): Readable {
  function* chunks(): Generator<Buffer> {
    for (let at = 0; at < bytes; at += CHUNK.length) {
      const chunk = Buffer.from(CHUNK);
      chunk.writeUInt32BE(at / CHUNK.length);
      taken.bytes += chunk.length;
      yield chunk;
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}

async function digest(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

const [up, down]: [Taken, Taken] = [{ bytes: 0 }, { bytes: 0 }];
/** Lets the upstream read. */
let read: () => void;

/** Generates as many bytes as the path says, and takes the digest of what is sent to it. */
const upstream = createServer((request, response) => {
  if (request.method === 'GET') generated(Number(request.url!.slice(1)), down).pipe(response);
  else read = () => void digest(request).then((sum) => response.end(sum));
});
beforeAll(() => new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

async function resident(service: Service): Promise<number> {
  const text = await (await fetch(`${service.client.url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
}

/** What `work` gives, and the most memory that the service had meanwhile. */
async function peakOf<T>(service: Service, work: Promise<T>): Promise<[T, number]> {
  let peak = 0;
  const over = new AbortController();
  const watching = (async () => {
    do peak = Math.max(peak, await resident(service));
    while (!over.signal.aborted);
  })();
  const given = await work.finally(() => over.abort());
  await watching;
  return [given, peak];
}

/** Resolves with what has been taken once that stands still: the reader is slow, and everything between is full. */
async function stalled(taken: Taken): Promise<number> {
  let last = 0;
  const moved = (): boolean => {
    const before = last;
    last = taken.bytes;
    return last === 0 || last > before;
  };
  await expect.poll(moved, { interval: 100, timeout: 20_000 }).toBe(false);
  return taken.bytes;
}

async function uploaded(gateway: string, bytes: number): Promise<[string, number]> {
  up.bytes = 0;
  const outgoing = httpRequest(`${gateway}/up`, { method: 'POST' });
  const answer = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  const arrival = once(upstream, 'request');
  const sent = pipeline(generated(bytes, up), outgoing);
  await arrival;
  const ahead = await stalled(up);
  read();
  await sent;
  const [response] = await answer;
  return [Buffer.concat(await response.toArray()).toString(), ahead];
}

async function downloaded(gateway: string, bytes: number): Promise<[string, number]> {
  down.bytes = 0;
  const outgoing = httpRequest(`${gateway}/${bytes}`).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const ahead = await stalled(down);
  return [await digest(response), ahead];
}

describe('a body of 200 MB', { timeout: 60_000 }, () => {
  it('passes in both directions with flat memory, no faster than its reader reads', async () => {
    const port = await freePort();
    const gateway = `http://127.0.0.1:${port}`;
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      RINGBACK_ROLE: 'gateway',
      RINGBACK_GATEWAY_PORT: String(port),
      RINGBACK_UPSTREAM: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    });
    const bytes = 200 * MIB;
    const expected = await digest(generated(bytes, { bytes: 0 }));
    // Buffers and compiled code of a first large body are not what a larger one costs.
    await uploaded(gateway, 20 * MIB);
    await downloaded(gateway, 20 * MIB);
    const before = await resident(service);
    const [[sumUp, aheadUp], most] = await peakOf(service, uploaded(gateway, bytes));
    const [[sumDown, aheadDown], mostDown] = await peakOf(service, downloaded(gateway, bytes));
    expect([sumUp, sumDown]).toEqual([expected, expected]);
    expect(Math.max(aheadUp, aheadDown)).toBeLessThan(40 * MIB);
    expect(Math.max(most, mostDown) - before).toBeLessThan(60 * MIB);
  });
});
