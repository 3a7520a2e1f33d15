import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** The value of a sample, by its name and labels as they are written; undefined when there is none. */
function value(text: string, sample: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

describe('/metrics', { timeout: 60_000 }, () => {
  let app: App;
  let receiver: Receiver;
  let delivered: string;

  beforeAll(async () => {
    receiver = await Receiver.answering(500, 200);
    app = await App.start();
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await app.client.ended(id);
    delivered = id;
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  it('tells Prometheus of operations, deliveries, attempts, latencies and the process, and needs no key', async () => {
    await expect.poll(async () => (await app.client.deliveries(delivered))[0].status).toBe('Delivered');
    const answer = await app.client.withKey('none').get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const samples = {
      'ringback_operations{type="echo",state="Finished"}': 1,
      'ringback_deliveries{state="Delivered"}': 1,
      ringback_ledger_accepted: 1,
      ringback_ledger_balanced: 1,
      ringback_oldest_overdue_seconds: 0,
      ringback_queue_age_seconds: 0,
      'ringback_type_queue_age_seconds{type="echo"}': 0,
      ringback_undelivered_age_seconds: 0,
      ringback_slots_used: 0,
      ringback_operations_running: 0,
      ringback_postgresql_up: 1,
      ringback_workers: 1,
      'ringback_ready{check="postgresql"}': 1,
      'ringback_ready{check="queue"}': 1,
      'ringback_operation_duration_seconds_count{type="echo",state="Finished"}': 1,
      'ringback_attempts_total{outcome="failed",class="5xx"}': 1,
      'ringback_attempts_total{outcome="delivered",class="2xx"}': 1,
      ringback_attempt_duration_seconds_count: 2,
      ringback_end_to_end_seconds_count: 1,
    };
    expect(Object.fromEntries(Object.keys(samples).map((name) => [name, value(answer.text, name)]))).toEqual(
      samples,
    );
    for (const table of ['live_operation', 'live_delivery'])
      expect(value(answer.text, `ringback_dead_rows{table="${table}"}`)).toBeGreaterThanOrEqual(0);
    expect(value(answer.text, 'ringback_oldest_transaction_seconds')).toBeGreaterThanOrEqual(0);
    expect(value(answer.text, 'ringback_group_commit_size_count')).toBeGreaterThan(3);
    expect(value(answer.text, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
  });

  it('names no account, and reads the ledger once for scrapes that come close together', async () => {
    const [account] = await rowsOf<{ id: string }>(app.databaseUrl, 'SELECT id FROM account');
    const texts = await Promise.all(Array.from({ length: 20 }, () => app.client.get('/metrics')));
    for (const { text } of texts) expect(text).not.toContain(account!.id);
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    // The reading is a few seconds old at the most; what this process did itself is there at once.
    const { text } = await app.client.get('/metrics');
    expect(value(text, 'ringback_operation_duration_seconds_count{type="echo",state="Finished"}')).toBe(2);
  });

  it('counts an attempt that got no response by the code of its error alone', async () => {
    const callback = { url: `http://127.0.0.1:${await freePort()}/` };
    const { id } = await app.client.submit({ type: 'echo', callback });
    await expect
      .poll(async () => (await app.client.deliveries(id))[0]?.status, { timeout: 10_000 })
      .toBe('Exhausted');
    const { text } = await app.client.get('/metrics');
    const classes = [...text.matchAll(/^ringback_attempts_total\{.*class="(.*)"\}/gm)].map(
      ([, name]) => name,
    );
    expect(classes.toSorted()).toEqual(['2xx', '5xx', 'connect_refused']);
  });

  it('counts as running what a worker runs, and not what only awaits somebody', async () => {
    const waits = await app.client.submit({ type: 'external' });
    const runs = await app.client.submit({ type: 'sleep', input: { seconds: 60 } });
    const executing = async (): Promise<unknown[]> => {
      const { text } = await app.client.get('/metrics');
      const of = (type: string): unknown =>
        value(text, `ringback_operations{type="${type}",state="Executing"}`);
      return [of('external'), of('sleep'), value(text, 'ringback_operations_running')];
    };
    await expect.poll(executing, { timeout: 15_000 }).toEqual([1, 1, 1]);
    for (const { id } of [waits, runs]) await app.client.post(`/v1/operations/${id}/cancel`);
  });

  it('tells how long the first operation of each type waits, and that no worker runs', async () => {
    const shared = sharedBy(await newDatabase());
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await api.client.submit({ type: 'sleep', input: { seconds: 1 } });
    await api.client.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() });
    const scrape = async (): Promise<Record<string, number | undefined>> => {
      const { text } = await api.client.get('/metrics');
      const [sleep, echo] = ['sleep', 'echo'].map((type) =>
        value(text, `ringback_type_queue_age_seconds{type="${type}"}`),
      );
      return { sleep, echo, all: value(text, 'ringback_queue_age_seconds') };
    };
    await expect.poll(async () => (await scrape())['sleep'], { timeout: 15_000 }).toBeGreaterThan(0);
    const ages = await scrape();
    expect(ages).toEqual({ sleep: ages['all'], echo: 0, all: expect.any(Number) });
    const { text } = await api.client.get('/metrics');
    expect(value(text, 'ringback_workers')).toBe(0);
    // As readiness has it: operations are accepted all the same.
    expect(value(text, 'ringback_ready{check="queue"}')).toBe(1);
  });

  it('is served by a worker too, where errors are problem+json as well', async () => {
    const shared = sharedBy(await newDatabase());
    await using worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const metrics = await worker.client.get('/metrics');
    expect(value(metrics.text, 'ringback_postgresql_up')).toBe(1);
    const unknown = await worker.client.get('/v1/operations');
    expect([unknown.status, unknown.headers.get('content-type'), unknown.body.code]).toEqual([
      404,
      expect.stringMatching(/^application\/problem\+json/),
      'not-found',
    ]);
  });
});
