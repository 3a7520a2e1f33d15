import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import { freePort, TEST_KEY } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** More than a few show nothing new; 1,000 were run by hand. */
const COUNT = Number(process.env['RINGBACK_TEST_COMPLETIONS'] ?? 60);
/** Kills while they are submitted, handed out, completed and ended. */
const KILLS = Math.max(3, COUNT / 100);

/** Whoever does the work: completes what it is handed the URL of, and asks again until it is answered. */
class Elsewhere implements AsyncDisposable {
  readonly answered = new Map<string, string>();
  private readonly client = new RingbackClient({
    url: 'http://127.0.0.1:9',
    apiKey: null,
    tries: 200,
    backoffMs: 50,
  });

  private constructor(private readonly server: Server) {}

  static async listening(): Promise<Elsewhere> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const elsewhere = new Elsewhere(server);
    server.on('request', (request, response) => {
      void json(request).then((asked) => {
        const { id, url } = asked as { id: string; url: string };
        response.end();
        return elsewhere.complete(id, url);
      });
    });
    return elsewhere;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async complete(id: string, url: string): Promise<void> {
    await this.client.complete(url, { status: 'finished', result: { by: id } }).then(
      () => this.answered.set(id, 'finished'),
      // Of a handler that ran twice, the other token.
      ({ code }: { code: string }) => this.answered.has(id) || this.answered.set(id, code),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe('operations that wait for completions', { timeout: 60_000 + COUNT * 500 }, () => {
  it('are all ended as they were completed, whenever the service is killed', async () => {
    const database = await newDatabase();
    await using receiver = await Receiver.answering(200);
    await using elsewhere = await Elsewhere.listening();
    const port = String(await freePort());
    const start = (): Promise<Service> => Service.start({ ...sharedBy(database), PORT: port });
    let service = await start();
    const client = new RingbackClient({
      url: service.client.url,
      apiKey: TEST_KEY,
      tries: 200,
      backoffMs: 50,
    });
    const submitting = Array.from({ length: COUNT }, async (_, number) => {
      await delay(number * 20);
      const callback = { url: receiver.url };
      const asked =
        number % 2 === 0
          ? { type: 'external', input: { timeout_s: 3600 }, callback }
          : { type: 'test.handed-on', input: { to: elsewhere.url }, callback };
      const { id, completion_url: url } = await client.submit(asked);
      if (url !== undefined) await elsewhere.complete(id, url);
      return id;
    });
    for (let kills = 0; kills < KILLS; kills++) {
      await delay(Math.random() * 600);
      await service.end('SIGKILL');
      service = await start();
    }
    const ids = await Promise.all(submitting);
    const unfinished = (): Promise<unknown[]> =>
      rowsOf(
        database,
        `SELECT rid, state, error_code FROM operation_view WHERE state IS DISTINCT FROM 'Finished' OR result::json ->> 'by' <> rid`,
      );
    await expect.poll(unfinished, { timeout: 30_000 + COUNT * 200 }).toEqual([]);
    expect([...elsewhere.answered].filter(([, code]) => code !== 'finished')).toEqual([]);
    expect(new Set(elsewhere.answered.keys())).toEqual(new Set(ids));
    const told = (): number => new Set(receiver.all.map(({ headers }) => headers['ringback-operation'])).size;
    await expect.poll(told, { timeout: 30_000 + COUNT * 200 }).toBe(COUNT);
    await service.end('SIGTERM');
  });
});
