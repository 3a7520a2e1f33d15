import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';

const CLAIM = {
  lease: 'a',
  lease_s: 30,
  operation: {
    id: 'one',
    type: 'remote',
    input: null,
    attempt: 1,
    timeout_s: 60,
    created_at: new Date().toISOString(),
  },
};

describe('a worker whose result meets an outage', () => {
  it.each([
    [
      'of its part of a request',
      { status: 200, body: { data: [{ status: 503, problem: { status: 503, code: 'unavailable' } }] } },
    ],
    ['of the request', { status: 503, body: { status: 503, code: 'unavailable' } }],
    ['of a process that stood still', { status: 408, body: { status: 408, code: 'request-timeout' } }],
  ])('tells it again, and never that it was refused: %s', async (_, outage) => {
    const said: { action: string }[][] = [];
    let claims = 0;
    const over = new AbortController();
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        const { actions } = body as { actions?: { action: string }[] };
        if (actions) said.push(actions);
        const { status, body: answer } =
          actions === undefined
            ? { status: 200, body: { data: claims++ === 0 ? [CLAIM] : [] } }
            : said.length === 1
              ? outage
              : { status: 200, body: { data: actions.map(() => ({ status: 200 })) } };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
        if (said.length > 1) over.abort();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new RingbackClient({ url, apiKey: 'rb_of_a_worker_that_meets_an_outage' });
    await client.work({ types: ['remote'], signal: over.signal, handler: async () => ({ result: 1 }) });
    server.close();
    expect(said.map((actions) => actions.map(({ action }) => action))).toEqual([['complete'], ['complete']]);
  });
});
