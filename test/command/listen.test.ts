import { Webhook } from 'svix';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { targetUrl } from '../../src/command/listen/forward.js';
import { App, freePort } from '../support/app.js';
import type { Client } from '../support/client.js';
import { ringback } from '../support/command.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';
import { RunningCommand } from '../support/running-command.js';

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const account = (): Promise<Client> => app.account(`listen-${++count}`);

/** A listener that listens, with its endpoint. */
async function listening(client: Client, ...given: string[]) {
  const command = RunningCommand.start(['listen', ...given], client);
  const said = /^The endpoint ep_[0-9a-f]{32} was .*\nListening for /;
  await expect.poll(() => command.stderr, { timeout: 20_000 }).toMatch(said);
  return { command, endpoint: /ep_[0-9a-f]{32}/.exec(command.stderr)![0] };
}

const endpoints = async (client: Client): Promise<any[]> => (await client.get('/v1/endpoints')).body.data;

/** Submits so many operations, and answers their ids. */
async function submit(client: Client, many: number, type = 'echo'): Promise<string[]> {
  const ids: string[] = [];
  for (let left = many; left > 0; left -= 500) {
    const operations = Array.from({ length: Math.min(left, 500) }, (_, n) => ({
      type,
      input: type === 'echo' ? { n, text: 'ä\u2028 €' } : { seconds: 0 },
    }));
    const { body } = await client.post('/v1/operations/batch', { operations });
    ids.push(...(body.data as { operation: { id: string } }[]).map(({ operation }) => operation.id));
  }
  return ids;
}

const operationsOf = (receiver: Receiver): Set<string> =>
  new Set(receiver.all.map(({ headers }) => headers['ringback-operation'] as string));

describe('ringback listen', { timeout: 120_000 }, () => {
  it('forwards every callback byte for byte with its headers, killed half-way and started again', async () => {
    const MANY = Number(process.env['RINGBACK_TEST_LISTEN'] ?? 1000);
    const client = await account();
    await using receiver = await Receiver.answering(204);
    const given = ['--forward', receiver.url, '--name', 'killed'];
    const { command: first, endpoint } = await listening(client, ...given);
    await using _ = first;
    const ids = await submit(client, MANY);
    await receiver.received(MANY / 2);
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const { command: second, endpoint: again } = await listening(client, ...given);
    await using __ = second;
    expect(again).toBe(endpoint);
    expect(second.stderr).toContain('was taken up with what waits at it');
    // What the first one had leased comes again when its lease is over.
    await rowsOf(app.databaseUrl, `UPDATE live_delivery SET look_at = now() WHERE phase = 'leased'`);
    await expect.poll(() => operationsOf(receiver).size, { timeout: 60_000 }).toBe(MANY);
    expect([...operationsOf(receiver)].toSorted()).toEqual(ids.toSorted());

    const { body } = await client.get(`/v1/endpoints/${endpoint}/secret`);
    const webhook = new Webhook(body.secret);
    for (const received of receiver.all) {
      webhook.verify(received.body, received.headers as Record<string, string>);
      expect(received.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': expect.stringMatching(/^Ringback\//),
        'webhook-id': expect.stringMatching(/^dlv_/),
      });
    }
    const stored = await rowsOf(app.databaseUrl, 'SELECT id, body FROM delivery WHERE endpoint_id = $1', [
      endpoint,
    ]);
    expect(new Map(receiver.all.map((one) => [one.headers['webhook-id'], one.body]))).toEqual(
      new Map(stored.map((row) => [row.id, row.body])),
    );

    const delivered = `SELECT count(DISTINCT d.id)::integer AS count FROM delivery d JOIN attempt a ON a.home = d.home AND a.delivery_seq = d.seq
      WHERE d.endpoint_id = $1 AND a.outcome = 'delivered' AND a.http_status = 204`;
    await expect.poll(() => rowsOf(app.databaseUrl, delivered, [endpoint])).toEqual([{ count: MANY }]);
    expect(await second.end('SIGINT')).toBe(0);
  });

  it('tells the log what the server answered, and brings the delivery again', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(503, 302, 200);
    const { command, endpoint } = await listening(client, '--forward', receiver.url);
    await using _ = command;
    await submit(client, 1);
    const [, , third] = await receiver.received(3);
    await expect.poll(() => command.lines.length).toBe(3);
    const line = String.raw`^\d\d:\d\d:\d\d  operation\.finished  [0-9a-f]{32}  echo`;
    expect(command.lines).toEqual([
      expect.stringMatching(new RegExp(`${line}  503  \\d+ ms$`)),
      expect.stringMatching(new RegExp(`${line}  attempt 2  302  \\d+ ms$`)),
      expect.stringMatching(new RegExp(`${line}  attempt 3  200  \\d+ ms$`)),
    ]);
    const { body } = await client.get(`/v1/deliveries/${third!.headers['webhook-id'] as string}`);
    expect(body.status).toBe('Delivered');
    expect(body.attempts.map((one: any) => [one.trigger, one.outcome, one.http_status])).toEqual([
      ['pull', 'failed', 503],
      ['pull', 'failed', 302],
      ['pull', 'delivered', 200],
    ]);
    expect(body.endpoint_id).toBe(endpoint);
    // A server that is down, and none that answers in time.
    const port = receiver.port;
    await receiver[Symbol.asyncDispose]();
    await submit(client, 1);
    await expect
      .poll(() => command.lines.at(-1))
      .toMatch(new RegExp(`failed  \\d+ ms  connect ECONNREFUSED .*:${port}$`));
  });

  it('gives up a server that does not answer in time, before its lease is over', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(() => undefined, 200);
    const { command } = await listening(client, '--forward', receiver.url, '--timeout', '1', '--json');
    await using _ = command;
    await submit(client, 1);
    await expect.poll(() => command.lines.length).toBe(2);
    expect(command.lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        attempt: 1,
        outcome: 'failed',
        http_status: null,
        error: 'no answer within 1 s',
      }),
      expect.objectContaining({ attempt: 2, outcome: 'delivered', http_status: 200, error: null }),
    ]);
  });

  it('is deleted with its endpoint on a clean end, and takes what is under way to its end', async () => {
    const client = await account();
    let answer: (() => void) | undefined;
    await using receiver = await Receiver.answering((response) => {
      answer = () => response.writeHead(200).end();
    });
    const { command, endpoint } = await listening(client, '--forward', `localhost:${receiver.port}/hook`);
    await using _ = command;
    expect(await endpoints(client)).toMatchObject([{ id: endpoint, mode: 'pull', ephemeral_s: 86_400 }]);
    const [id] = await submit(client, 1);
    await receiver.received(1);
    const ended = command.end('SIGTERM');
    await expect.poll(() => answer).toBeDefined();
    answer!();
    expect(await ended).toBe(0);
    expect(receiver.all[0]!.path).toBe('/hook');
    expect(await client.deliveries(id!)).toMatchObject([{ status: 'Delivered' }]);
    expect(await endpoints(client)).toEqual([]);
  });

  it('shares its work with another of its name, who goes on when it ends', async () => {
    const client = await account();
    await using one = await Receiver.answering(
      (response) => void setTimeout(() => response.writeHead(200).end(), 5),
    );
    await using other = await Receiver.answering(
      (response) => void setTimeout(() => response.writeHead(200).end(), 5),
    );
    const { command: first, endpoint } = await listening(
      client,
      '--forward',
      one.url,
      '--name',
      'both',
      '--concurrency',
      '2',
    );
    await using _ = first;
    const { command: second, endpoint: shared } = await listening(
      client,
      '--forward',
      other.url,
      '--name',
      'both',
      '--concurrency',
      '2',
    );
    await using __ = second;
    expect(shared).toBe(endpoint);
    const ids = await submit(client, 200);
    await expect.poll(() => one.all.length + other.all.length, { timeout: 20_000 }).toBe(200);
    expect(one.all.length).toBeGreaterThan(20);
    expect(other.all.length).toBeGreaterThan(20);
    expect([...operationsOf(one), ...operationsOf(other)].toSorted()).toEqual(ids.toSorted());
    expect(await first.end('SIGINT')).toBe(0);
    expect(first.stderr).toContain('left to other listeners');
    const [later] = await submit(client, 1);
    await expect.poll(() => [...operationsOf(other)]).toContain(later);
    // The other one sees to it that it is kept as before.
    const kept = async (): Promise<number> => (await endpoints(client))[0].ephemeral_s;
    await expect.poll(kept, { timeout: 20_000, interval: 500 }).toBe(86_400);
  });

  it('without a server prints what it has verified, of the types that are asked for, and takes all', async () => {
    const client = await account();
    const { command } = await listening(client, '--type', 'echo', '--events', 'operation.finished', '--json');
    await using _ = command;
    const [slept] = await submit(client, 1, 'sleep');
    const [echoed] = await submit(client, 1);
    await expect.poll(() => command.lines.length).toBe(2);
    const lines = command.lines.map((line) => JSON.parse(line));
    expect(lines.toSorted((a, b) => a.type.localeCompare(b.type))).toMatchObject([
      { event: 'operation.finished', operation_id: echoed, type: 'echo', outcome: 'delivered' },
      { event: 'operation.finished', operation_id: slept, type: 'sleep', outcome: 'passed over' },
    ]);
    for (const id of [slept!, echoed!])
      await expect.poll(() => client.deliveries(id)).toMatchObject([{ status: 'Delivered' }]);
    const { body, headers } = lines.find(({ type }) => type === 'echo');
    const [{ id: endpoint }] = await endpoints(client);
    const { secret } = (await client.get(`/v1/endpoints/${endpoint}/secret`)).body;
    expect(verify(secret, { body, headers, path: '', at: 0 }).data).toMatchObject({ id: echoed });
    // After a rotation, too.
    await client.post(`/v1/endpoints/${endpoint}/rotate-secret`, { overlap_s: 0 });
    await submit(client, 1);
    await expect.poll(() => command.lines.length).toBe(3);
    expect(JSON.parse(command.lines[2]!)).toMatchObject({ outcome: 'delivered', error: null });
  });

  it('waits while its endpoint is disabled, and makes it anew where somebody has deleted it', async () => {
    const client = await account();
    const { command, endpoint } = await listening(client);
    await using _ = command;
    await client.post(`/v1/endpoints/${endpoint}/disable`);
    await expect.poll(() => command.stderr, { timeout: 40_000 }).toContain('The endpoint is disabled');
    await submit(client, 1);
    await client.post(`/v1/endpoints/${endpoint}/enable`);
    await expect.poll(() => command.lines.length).toBe(1);
    await client.request('DELETE', `/v1/endpoints/${endpoint}`);
    await expect.poll(() => command.stderr, { timeout: 40_000 }).toContain('The endpoint was deleted');
    await expect.poll(async () => (await endpoints(client)).length).toBe(1);
    await submit(client, 1);
    await expect.poll(() => command.lines.length).toBe(2);
  });

  it('goes on when the service was away', async () => {
    const url = await newDatabase();
    const port = await freePort();
    const overrides = { database: { url }, http: { port, publicUrl: `http://127.0.0.1:${port}` } };
    await using stack = new AsyncDisposableStack();
    const first = await App.start(overrides);
    const client = await first.account('away');
    let answer: (() => void) | undefined;
    const receiver = stack.use(
      await Receiver.answering((response) => {
        answer = () => response.writeHead(200).end();
      }, 200),
    );
    const { command } = await listening(client, '--forward', receiver.url);
    stack.use(command);
    const [before] = await submit(client, 1);
    await expect.poll(() => answer).toBeDefined();
    await first[Symbol.asyncDispose]();
    // Acknowledged once the service is there again.
    answer!();
    await expect.poll(() => command.stderr).toContain('trying again until it is there');
    stack.use(await App.start(overrides));
    await expect
      .poll(() => client.deliveries(before!))
      .toMatchObject([{ status: 'Delivered', attempt_count: 1 }]);
    const [after] = await submit(client, 1);
    await expect.poll(() => [...operationsOf(receiver)]).toEqual([before, after]);
    expect(command.stderr).toContain('The service is there again');
  });

  it('says at once what is wrong', async () => {
    const unknown = { RINGBACK_URL: `http://127.0.0.1:${await freePort()}`, RINGBACK_KEY: 'rb_any' };
    expect(await ringback(['listen'], { env: unknown })).toMatchObject({ code: 3 });
    const wrongKey = { RINGBACK_URL: app.client.url, RINGBACK_KEY: 'rb_wrong' };
    expect(await ringback(['listen'], { env: wrongKey })).toMatchObject({ code: 1 });
    const refused = await ringback(['listen', '--forward', 'ftp://a/'], { env: wrongKey });
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is no http(s) URL')]);
    expect((await ringback(['listen', '--timeout', '0'], { env: wrongKey })).code).toBe(2);
  });

  it.each([
    ['3000', 'http://localhost:3000/'],
    ['3000/hook', 'http://localhost:3000/hook'],
    ['localhost:3000/hook', 'http://localhost:3000/hook'],
    ['https://127.0.0.1:3000/a?b=c', 'https://127.0.0.1:3000/a?b=c'],
  ])('takes %s for a server', (given, url) => {
    expect(targetUrl(given).href).toBe(url);
  });
});
