import { Client as Upstash } from '@upstash/qstash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { Receiver } from '../../support/receiver.js';
import { HAS_PYTHON, Python, upstash } from './clients.js';
import { routesOfUpstash } from './routes.js';

/** What the packages can ask that QStash offers and Ringback doesn't. */
const NOT_OFFERED = ['DELETE /v2/workflows/runs/:id', 'POST /llm/v1/chat/completions'];

/** What the packages can ask: a newer one that asks more shows here. */
const OFFERED = [
  'DELETE /v2/dlq',
  'DELETE /v2/dlq/:id',
  'DELETE /v2/messages',
  'DELETE /v2/messages/:id',
  'DELETE /v2/queues/:id',
  'DELETE /v2/schedules/:id',
  'DELETE /v2/topics/:id',
  'DELETE /v2/topics/:id/endpoints',
  'GET /v2/dlq',
  'GET /v2/events',
  'GET /v2/flowControl/:id',
  'GET /v2/globalParallelism',
  'GET /v2/messages/:id',
  'GET /v2/queues',
  'GET /v2/queues/:id',
  'GET /v2/schedules',
  'GET /v2/schedules/:id',
  'GET /v2/topics',
  'GET /v2/topics/:id',
  'PATCH /v2/schedules/:id/pause',
  'PATCH /v2/schedules/:id/resume',
  'POST /v2/batch',
  'POST /v2/enqueue/:id/:destination',
  'POST /v2/flowControl/:id/pause',
  'POST /v2/flowControl/:id/pin',
  'POST /v2/flowControl/:id/resetRate',
  'POST /v2/flowControl/:id/resume',
  'POST /v2/flowControl/:id/unpin',
  'POST /v2/publish/:destination',
  'POST /v2/queues',
  'POST /v2/queues/:id/pause',
  'POST /v2/queues/:id/resume',
  'POST /v2/schedules/:destination',
  'POST /v2/topics/:id/endpoints',
];
/** What only the TypeScript package asks. */
const OF_TYPESCRIPT = ['POST /v2/dlq/retry'];
/** What only the Python package asks. */
const OF_PYTHON = ['GET /v2/dlq/:id', 'GET /v2/keys', 'POST /v2/keys/rotate'];
/** What QStash's own documentation has besides. */
const DOCUMENTED = [
  'GET /v2/flowControl',
  'GET /v2/logs',
  'POST /v2/dlq/retry/:id',
  'POST /v2/schedules/:id/pause',
  'POST /v2/schedules/:id/resume',
];

/** By one name for each parameter but the destination. */
const plainly = (routes: readonly string[]): string[] =>
  [...new Set(routes.map((route) => route.replaceAll(/:(?!destination\b)\w+/g, ':id')))].toSorted();

describe('The routes that Upstash’s packages can ask', () => {
  it('are these of @upstash/qstash', () => {
    expect(plainly(routesOfUpstash())).toEqual([...OFFERED, ...OF_TYPESCRIPT, ...NOT_OFFERED].toSorted());
  });

  it.skipIf(!HAS_PYTHON)('are these of qstash for Python', async () => {
    await using python = Python.start('http://127.0.0.1:9', 'none');
    expect(plainly(await python.call('routes'))).toEqual([...OFFERED, ...OF_PYTHON].toSorted());
  });
});

describe('A route that Upstash’s packages can ask', () => {
  let app: App;
  let receiver: Receiver;
  let count = 0;
  beforeAll(async () => {
    app = await App.start();
    receiver = await Receiver.answering(200);
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  it('is told where the API is, of a client whose URL lacks /qstash', async () => {
    const { url: baseUrl, key: token } = app.client;
    const lost = new Upstash({ baseUrl, token, retry: false, enableTelemetry: false });
    await expect(lost.publishJSON({ url: receiver.url, body: 1 })).rejects.toThrow(
      `Cannot POST /v2/publish/${receiver.url}: the QStash API is at /qstash`,
    );
    await expect(lost.schedules.list()).rejects.toThrow(
      'Cannot GET /v2/schedules: the QStash API is at /qstash',
    );
  });

  /** What there is to be asked about. */
  async function prepared(client: Client, route: string): Promise<Record<string, string>> {
    const { url } = receiver;
    const qstash = upstash(client.url, client.key);
    await qstash.queue({ queueName: 'a-queue' }).upsert({ parallelism: 2 });
    await qstash.urlGroups.addEndpoints({ name: 'a-group', endpoints: [{ name: 'one', url }] });
    await qstash.schedules.create({ scheduleId: 'a-schedule', destination: url, cron: '0 0 1 1 *' });
    const flowControl = { key: 'a-key', parallelism: 1, rate: 10 };
    const { messageId } = await qstash.publish({ url, delay: 3600, flowControl });
    const ids = { queues: 'a-queue', enqueue: 'a-queue', topics: 'a-group', schedules: 'a-schedule' };
    const dead = route.includes('/dlq') ? await deadLetter(client) : '';
    return { ...ids, flowControl: 'a-key', messages: messageId, dlq: dead, retry: dead };
  }

  async function deadLetter(client: Client): Promise<string> {
    const qstash = upstash(client.url, client.key);
    receiver.answer(500);
    await qstash.publish({ url: receiver.url, retries: 0 });
    await expect.poll(async () => (await qstash.dlq.listMessages()).messages).toHaveLength(1);
    receiver.answer(200);
    return (await qstash.dlq.listMessages()).messages[0]!.dlqId;
  }

  const BODIES: Record<string, unknown> = {
    'POST /v2/queues': { queueName: 'a-queue', parallelism: 3 },
    'POST /v2/topics/:id/endpoints': { endpoints: [{ name: 'two', url: 'http://127.0.0.1:9999/two' }] },
    'DELETE /v2/topics/:id/endpoints': { endpoints: [{ name: 'one' }] },
    'POST /v2/batch': [],
  };

  it.each([...OFFERED, ...OF_TYPESCRIPT, ...OF_PYTHON, ...DOCUMENTED])('is answered: %s', async (route) => {
    const client = await app.account(`routes-${++count}`);
    const ids = await prepared(client, route);
    const [method, path] = route.split(' ') as [string, string];
    const asked = path
      .replaceAll(/(\w+)\/:id/g, (_, of: string) => `${of}/${ids[of]}`)
      .replace(':destination', receiver.url);
    const query = route.endsWith('/pin') ? '?parallelism=2' : route.endsWith('/unpin') ? '?rate=true' : '';
    const { status, text } = await client.request(method, `/qstash${asked}${query}`, BODIES[route], {
      ...(path === '/v2/schedules/:destination' ? { 'upstash-cron': '0 0 1 1 *' } : {}),
    });
    expect(`${status} ${text}`).toMatch(/^20[0-2] /);
  });

  it.each(NOT_OFFERED)('that isn’t offered says so: %s', async (route) => {
    const [method, path] = route.split(' ') as [string, string];
    const { status, body } = await app.client.request(method, `/qstash${path.replace(':id', 'x')}`);
    expect(status).toBe(501);
    expect(body.error).toContain(path.includes('workflows') ? 'workflow' : 'llm');
  });
});
