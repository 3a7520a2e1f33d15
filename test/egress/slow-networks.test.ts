import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { WebhookClient } from '../../src/deliveries/webhook.client.js';
import { Egress } from '../../src/egress/egress.js';
import { dnsWithin } from '../../src/egress/name-resolver.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/**
 * A receiver on 127.0.0.1 alone whose queue of connections is full until it is told to go on: the kernel drops what asks to connect,
 * and it asks again after a second.
 */
async function crowdedReceiver(): Promise<{ port: number; goOn: () => void }> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     const server = require('node:http').createServer((request, response) => response.end('ok'));
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(workerData, 0, 0));
     });`,
    { eval: true, workerData: gate },
  );
  const [port] = (await once(worker, 'message')) as [number];
  const crowd: Socket[] = [];
  closing.push(() => {
    for (const socket of crowd) socket.destroy();
    Atomics.notify(gate, 0);
    return worker.terminate();
  });
  // As many as fit into the queue, and one that doesn't. The kernel tells nobody that it keeps one waiting: silence is the sign.
  for (let waiting = false; !waiting;) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    crowd.push(socket);
    waiting = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 200, true)),
    ]);
  }
  return {
    port,
    goOn: () => {
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
    },
  };
}

describe('a receiver of two addresses, one of which refuses at once,', () => {
  it('gets its callback although the handshake of the other takes longer than a second', async () => {
    const { port, goOn } = await crowdedReceiver();
    const allowedPrivate = parseAllowedPrivate('127.0.0.0/8,::1/128');
    const egress = new Egress({
      policy: new UrlPolicy({ allowedPrivate, allowHttp: true }),
      allowedPrivate,
      resolver: { resolve4: async () => ['127.0.0.1'], resolve6: async () => ['::1'] },
    });
    closing.push(() => egress.close());
    const client = new WebhookClient(egress, { timeoutMs: 10_000, userAgent: 'Ringback/test' });
    const attempt = client.attempt({ url: `http://hooks.example.com:${port}/`, headers: {}, body: '{}' });
    setTimeout(goOn, 700);
    const result = await attempt;
    expect(result).toMatchObject({ kind: 'response', status: 200 });
    // Else the handshake wasn't slow.
    expect(result.durationMs).toBeGreaterThan(900);
  });
});

/** A DNS server that answers 127.0.0.1 to all but the first `ignored` questions. */
async function dnsServer(ignored: number): Promise<string> {
  const server: UdpSocket = createSocket('udp4');
  let asked = 0;
  server.on('message', (question, { port, address }) => {
    if (++asked <= ignored) return;
    const name = question.subarray(12, question.indexOf(0, 12) + 5);
    const counts = Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    const answer = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    server.send(Buffer.concat([question.subarray(0, 2), counts, name, answer]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => new Promise<void>((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('DNS', () => {
  it.each([
    ['loses a packet', [1]],
    ['has a first server that is down', [Infinity, 0]],
  ])('is asked again within its time where it %s', async (_kind, ignored) => {
    const resolver = dnsWithin(2_500);
    resolver.setServers(await Promise.all(ignored.map(dnsServer)));
    const startedAt = performance.now();
    expect(await resolver.resolve4('hooks.example.com')).toEqual(['127.0.0.1']);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  });
});
