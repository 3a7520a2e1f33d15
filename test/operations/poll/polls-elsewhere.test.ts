import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Database } from '../../../src/database/database.js';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { rowsOf } from '../../support/database.js';
import { JobApi } from '../../support/job-api.js';

const NEW_HOSTS = 3;
const FAST = { leaseS: 3, pollMinS: 0.01 };
const OFTEN = { every_s: 0.05 };

let app: App;
let proxy: Tunnels;

beforeAll(async () => {
  proxy = await Tunnels.open();
  const egress = { newHostsPerMinute: NEW_HOSTS, allowHttp: true, proxy: proxy.url, proxyResolves: true };
  app = await App.start({ operations: FAST, egress });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

/** Has the API make a job that is followed in this way. */
async function submit(api: JobApi, path: string, poll: object, client = app.client): Promise<string> {
  const input = { method: 'POST', url: api.url + path, poll: { preset: 'http-202', ...OFTEN, ...poll } };
  return (await client.submit({ type: 'http.request', input })).id;
}

/** How often a job was polled at the API itself that needs so many polls. */
const pollsOf = (api: JobApi, needs: number): number =>
  [...api.jobs.values()].find((job) => job.needs === needs)?.polls.length ?? 0;

const pollOf = async (id: string): Promise<{ waits_s: number | null } | undefined> =>
  (
    await rowsOf<{ waits_s: number | null }>(
      app.databaseUrl,
      `SELECT CASE WHEN lease_token IS NULL THEN extract(epoch FROM due_at - now())::float8 END AS waits_s
       FROM live_poll WHERE rid = $1`,
      [id],
    )
  )[0];

describe('An origin that a job leads to, and that has never answered 2xx,', () => {
  it('is asked for one job at a time, over all processes, until it has', async () => {
    await using other = await App.start({ operations: FAST, database: { url: app.databaseUrl } });
    await using stranger = await Stranger.answering(404);
    await using api = await JobApi.start();
    api.statusUrl = stranger.url;
    const ids = await Promise.all(Array.from({ length: 6 }, () => submit(api, '/exports', {})));
    await expect.poll(() => stranger.seen.length, { timeout: 15_000 }).toBeGreaterThan(12);
    expect(stranger.most).toBe(1);
    stranger.status = 200;
    for (const id of ids) expect(await other.client.ended(id)).toMatchObject({ status: 'Finished' });
  });

  it('costs no statement once it has', async () => {
    await using stranger = await Stranger.answering(202);
    await using api = await JobApi.start();
    api.statusUrl = stranger.url;
    const ids = await Promise.all(Array.from({ length: 10 }, () => submit(api, '/exports', {})));
    const rounds = async (): Promise<void> => {
      const { length } = stranger.seen;
      await expect.poll(() => stranger.seen.length, { timeout: 15_000 }).toBeGreaterThan(length + 30);
    };
    await rounds();
    const query = vi.spyOn(app.nest.get(Database), 'query');
    await rounds();
    expect(
      query.mock.calls.filter(([sql]) => /take_poll_places|INTO origin|callback_host/.test(sql)),
    ).toEqual([]);
    expect(query.mock.calls.some(([sql]) => sql.includes('take_polls'))).toBe(true);
    query.mockRestore();
    expect(stranger.most).toBeGreaterThan(1);
    stranger.status = 200;
    for (const id of ids) await app.client.ended(id);
  });

  it('is asked 60 times a minute, cancels among them, and what is beyond waits for its turn', async () => {
    await using stranger = await Stranger.answering(404);
    await using api = await JobApi.start();
    const asked = 'INSERT INTO origin (name, asked_at) VALUES ($1, array_fill(now(), ARRAY[60]))';
    await rowsOf(app.databaseUrl, asked, [stranger.url]);
    const canceled = await submit(api, '/exports?polls=1000', { cancel: `POST ${stranger.url}/cancel` });
    await expect.poll(() => pollsOf(api, 1000)).toBeGreaterThan(0);
    const { body } = await app.client.post(`/v1/operations/${canceled}/cancel`);
    expect(body.status).toBe('Canceled');
    const polled = await submit(api, '/exports', { location: `${stranger.url}/job` });
    // As many polls as these two need have passed them by.
    const bystander = await submit(api, '/exports?polls=2000', {});
    await expect.poll(() => pollsOf(api, 2000), { timeout: 10_000 }).toBeGreaterThan(10);
    expect(stranger.seen).toEqual([]);
    expect([await pollOf(canceled), await pollOf(polled)]).toEqual([expect.anything(), expect.anything()]);
    // A minute later.
    const later = `UPDATE origin SET asked_at = ARRAY(SELECT a - interval '1 minute' FROM unnest(asked_at) a) WHERE name = $1`;
    await rowsOf(app.databaseUrl, later, [stranger.url]);
    await expect.poll(() => stranger.seen).toContain('POST /cancel');
    await expect.poll(() => stranger.seen).toContain('GET /job');
    await expect.poll(() => pollOf(canceled)).toBeUndefined();
    expect(stranger.seen.filter((request) => request === 'POST /cancel')).toHaveLength(1);
    expect(stranger.most).toBe(1);
    for (const id of [polled, bystander]) await app.client.post(`/v1/operations/${id}/cancel`);
  });
});

describe('A host that a job leads to', () => {
  /** Accepted, and due tomorrow: nothing is ever sent there. */
  async function useUp(client: Client): Promise<void> {
    for (let n = 0; n < NEW_HOSTS; n++) {
      const callback = { url: `https://known-${n}.example.com/` };
      await client.submit({
        type: 'echo',
        run_at: new Date(Date.now() + 86_400_000).toISOString(),
        callback,
      });
    }
  }

  it('is one of the new ones of a minute: beyond them polls, results and cancels wait, and none is lost', async () => {
    await using stranger = await Stranger.answering(200);
    proxy.strangers = stranger.port;
    await using api = await JobApi.start();
    const client = await app.account('of new hosts');
    await useUp(client);
    const named = (what: string): string => `http://${what}.example.com/`;
    const polled = await submit(api, '/exports', { location: named('polled') }, client);
    const fetched = await submit(api, '/exports?polls=1', { result: named('fetched') }, client);
    const cancel = `POST ${named('canceled')}`;
    const canceled = await submit(api, '/exports?polls=1000', { cancel }, client);
    await expect.poll(() => pollsOf(api, 1000)).toBeGreaterThan(0);
    await client.post(`/v1/operations/${canceled}/cancel`);
    // Until there is room for a new host.
    for (const id of [polled, canceled])
      await expect.poll(async () => (await pollOf(id))?.waits_s, { timeout: 10_000 }).toBeGreaterThan(5);
    const fetching = `SELECT FROM live_operation o JOIN operation r USING (request_id)
      WHERE r.rid = $1 AND o.awaits = 'poll' AND o.due_at BETWEEN now() + interval '5 s' AND now() + interval '70 s'`;
    await expect.poll(() => rowsOf(app.databaseUrl, fetching, [fetched])).toHaveLength(1);
    expect(stranger.seen).toEqual([]);
    expect((await client.get(`/v1/operations/${polled}`)).body.status).toBe('Executing');
    // A minute later.
    await rowsOf(
      app.databaseUrl,
      `WITH hosts AS (UPDATE callback_host SET first_used_at = first_used_at - interval '1 minute'),
         polls AS (UPDATE live_poll SET due_at = now())
       UPDATE live_operation SET look_at = now(), due_at = now() WHERE request_id = (SELECT request_id FROM operation WHERE rid = $1)`,
      [fetched],
    );
    for (const id of [polled, fetched])
      expect(await client.ended(id)).toMatchObject({ status: 'Finished', result: { status: 200 } });
    await expect.poll(() => pollOf(canceled)).toBeUndefined();
    expect([...proxy.names].toSorted()).toEqual(
      ['canceled', 'fetched', 'polled'].map((what) => `${what}.example.com`),
    );
    expect(stranger.seen.toSorted()).toEqual(['GET /', 'GET /', 'POST /']);
  });
});

/** A host that no first request has been answered from; each answer takes it a moment. */
class Stranger implements AsyncDisposable {
  readonly seen: string[] = [];
  /** How many requests it had at once. */
  most = 0;
  private now = 0;

  private constructor(
    private readonly server: Server,
    public status: number,
  ) {}

  static async answering(status: number): Promise<Stranger> {
    const server = createServer();
    const stranger = new Stranger(server, status);
    server.on('request', (request, response) => {
      stranger.most = Math.max(stranger.most, ++stranger.now);
      stranger.seen.push(`${request.method} ${request.url}`);
      setTimeout(() => {
        stranger.now--;
        response.writeHead(stranger.status).end();
      }, 20);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return stranger;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A proxy by which all host names lead to one server on this machine. */
class Tunnels implements AsyncDisposable {
  readonly names = new Set<string>();
  /** The port of that server. */
  strangers = 0;

  private constructor(private readonly server: Server) {}

  static async open(): Promise<Tunnels> {
    const server = createServer();
    const tunnels = new Tunnels(server);
    server.on('connect', ({ url }, client) => {
      const [host, port] = url!.split(':') as [string, string];
      const isOurs = host === '127.0.0.1';
      if (!isOurs) tunnels.names.add(host);
      const way = connect(isOurs ? Number(port) : tunnels.strangers, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connected\r\n\r\n');
        way.pipe(client).pipe(way);
      });
      way.on('error', () => client.destroy()).on('close', () => client.destroy());
      client.on('error', () => way.destroy()).on('close', () => way.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return tunnels;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
