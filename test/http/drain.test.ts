import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freePort, TEST_KEY } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { hasNginx, Nginx } from '../support/nginx.js';
import { Service, sharedBy } from '../support/service.js';
import { UpstreamApi } from '../support/upstream.js';

/** How often all processes are restarted, and how long each drains: RINGBACK_TEST_ROLLS=5 and RINGBACK_TEST_DRAIN_S=5 take two minutes. */
const ROLLS = Number(process.env.RINGBACK_TEST_ROLLS ?? 1);
const DRAIN_S = Number(process.env.RINGBACK_TEST_DRAIN_S ?? 2);
/** Requests that are under way at once, and between two of each caller, milliseconds. */
const CALLERS = 8;
const BETWEEN_MS = 50;
const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' };

const readiness = (service: Service): Promise<[number, unknown]> =>
  fetch(`${service.client.url}/health/ready`).then(async (answer) => [answer.status, await answer.json()]);

describe('On SIGTERM with RINGBACK_DRAIN_S', { timeout: 60_000 }, () => {
  it('readiness is red at once, while both listeners serve on and close each connection behind its answer', async () => {
    await using api = await UpstreamApi.answering((response) => response.end('passed'));
    const gateway = await freePort();
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      RINGBACK_DRAIN_S: '600',
      RINGBACK_UPSTREAM: api.url,
      RINGBACK_GATEWAY_PORT: String(gateway),
    });
    const { id: held } = await service.client.submit({ type: 'sleep', input: { seconds: 2 } });
    const poll = fetch(`${service.client.url}/v1/operations/${held}?wait=60`, { headers });
    service.process.kill('SIGTERM');
    await expect
      .poll(() => readiness(service))
      .toEqual([
        503,
        expect.objectContaining({ checks: expect.objectContaining({ process: expect.any(String) }) }),
      ]);
    const answer = await service.client.post('/v1/operations', { type: 'echo' });
    expect([answer.status, answer.headers.get('connection')]).toEqual([202, 'close']);
    const passed = await fetch(`http://127.0.0.1:${gateway}/x`);
    expect([await passed.text(), passed.headers.get('connection')]).toEqual(['passed', 'close']);
    // Work goes on too; and what was asked before is answered, for the last time on its connection.
    expect((await service.client.ended(answer.body.id as string)).status).toBe('Finished');
    const told = await poll;
    expect([told.headers.get('connection'), await told.json()]).toMatchObject([
      'close',
      { status: 'Finished' },
    ]);
    // A second signal means now.
    expect(await service.end('SIGTERM')).toBe(0);
  });

  it('a process that serves nobody ends at once, and Ctrl-C waits for no balancer', async () => {
    const shared = { ...sharedBy(await newDatabase()), RINGBACK_DRAIN_S: '600' };
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await using worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(await api.end('SIGINT')).toBe(0);
  });
});

it('An answer that is under way when the process ends goes out whole', async () => {
  await using api = await UpstreamApi.answering((response) => response.end());
  await using service = await Service.start({
    ...sharedBy(await newDatabase()),
    RINGBACK_SHUTDOWN_GRACE_S: '0',
    RINGBACK_UPSTREAM: api.url,
    RINGBACK_GATEWAY_PORT: String(await freePort()),
  });
  const body = JSON.stringify({ type: 'echo' });
  const caller = connect(Number(service.port), '127.0.0.1');
  let said = '';
  caller.on('data', (chunk: Buffer) => (said += chunk.toString()));
  caller.write(
    `POST /v1/operations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_KEY}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  await expect.poll(() => said).toMatch(/^HTTP\/1\.1 100/);
  const closed = once(caller, 'close');
  service.process.kill('SIGTERM');
  await expect
    .poll(() =>
      fetch(`${service.client.url}/health/ready`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .not.toBe(200);
  caller.write(body);
  await closed;
  expect(said).toMatch(/HTTP\/1\.1 202 [^]*\r\nconnection: close\r\n/i);
});

describe.runIf(hasNginx)('Behind nginx', () => {
  it(
    'a rolling restart costs nobody an error',
    async () => {
      const database = await newDatabase();
      const start = async (port: number): Promise<Service> =>
        Service.start({ ...sharedBy(database), PORT: String(port), RINGBACK_DRAIN_S: String(DRAIN_S) });
      await using running = new AsyncDisposableStack();
      const services = [await start(await freePort()), await start(await freePort())];
      running.defer(async () => void (await Promise.all(services.map((service) => service.end('SIGINT')))));
      const ports = services.map(({ port }) => Number(port));
      await using nginx = await Nginx.before(ports);
      const load = new Load(nginx.url);
      running.defer(() => load.stop());
      for (let roll = 0; roll < ROLLS; roll++)
        for (const place of [0, 1]) {
          expect(await services[place]!.end('SIGTERM')).toBe(0);
          services[place] = await start(ports[place]!);
        }
      await load.stop();
      expect(load.errors).toEqual([]);
      expect(load.answers).toBeGreaterThan(500 * ROLLS);
      const [kept] = await rowsOf<{ count: number }>(
        database,
        'SELECT count(*)::integer AS count FROM operation_view WHERE rid = ANY ($1)',
        [load.acknowledged],
      );
      expect(kept!.count).toBe(load.acknowledged.length);
      if (ROLLS > 1) console.log(`${load.answers} requests, ${load.errors.length} errors`);
    },
    40_000 + ROLLS * 60_000,
  );
});

/** Callers that submit, poll and list, without a second try. */
class Load {
  readonly errors: string[] = [];
  readonly acknowledged: string[] = [];
  answers = 0;
  private stopped = false;
  private readonly callers: Promise<void>[];

  constructor(private readonly url: string) {
    this.callers = Array.from({ length: CALLERS }, () => this.callOn());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.callers);
  }

  private async callOn(): Promise<void> {
    for (; !this.stopped; await pause(BETWEEN_MS)) {
      const accepted = await this.ask('POST', '/v1/operations', { type: 'echo', input: {} });
      const id = accepted?.id as string | undefined;
      if (id === undefined) continue;
      this.acknowledged.push(id);
      await this.ask('GET', `/v1/operations/${id}?wait=1`);
      await this.ask('GET', '/v1/operations?limit=1');
    }
  }

  private async ask(method: string, path: string, body?: object): Promise<any> {
    try {
      const answer = await fetch(this.url + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} ${text.slice(0, 200)}`);
      this.answers++;
      return JSON.parse(text);
    } catch (error) {
      this.errors.push(`${method} ${path}: ${String(error)} ${inspect((error as Error).cause)}`);
      return null;
    }
  }
}
