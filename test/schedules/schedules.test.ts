import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type FieldError,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/index.js';
import { sizeOf } from '../../src/operations/accept/quotas.js';
import { MAX_BYTES } from '../../src/schedules/schedule.store.js';
import { type Planned, ScheduleTicks } from '../../src/schedules/schedule-ticks.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let client: Client;
let count = 0;

/** Whose check asks somebody who is away, once they have gone. */
@OperationType({ name: 'test.asking', title: 'Ask before it is accepted' })
class AskingHandler implements OperationHandler {
  static away = false;

  check(): Promise<FieldError[]> {
    return AskingHandler.away ? Promise.reject(new Error('nobody answers')) : Promise.resolve([]);
  }

  run(): Promise<OperationOutcome> {
    return Promise.resolve({});
  }
}

@Module({ providers: [AskingHandler] })
class AskingModule {}

beforeAll(async () => {
  app = await App.start({ accounts: { schedulesPerAccount: 30 } }, [AskingModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

const account = (): Promise<Client> => app.account(`schedules-${++count}`);
const ECHO = { type: 'echo', input: { a: 1 } };
/** As if so much time had passed. */
const pass = (id: string | string[], seconds: number): Promise<unknown> =>
  rowsOf(
    app.databaseUrl,
    `UPDATE schedule SET created_at = created_at - $2 * interval '1 second', next_tick = next_tick - $2 * interval '1 second',
       due_at = due_at - $2 * interval '1 second' WHERE id = ANY ($1)`,
    [[id].flat(), seconds],
  );
async function make(given: object, by = client): Promise<any> {
  const { status, body } = await by.post('/v1/schedules', { name: 'a', operation: ECHO, ...given });
  expect(body).toMatchObject({ id: expect.stringMatching(/^sch_[0-9a-f]{32}$/) });
  expect(status).toBe(201);
  return body;
}
const runs = async (id: string, by = client): Promise<any[]> =>
  (await by.get(`/v1/operations?schedule=${id}&limit=250`)).body.data;

describe('A schedule', () => {
  beforeAll(async () => {
    client = await account();
  });

  it('submits its operation at its times, which say what had them submitted, to its callback too', async () => {
    await using receiver = await Receiver.answering(200);
    const { id } = await make({ every_s: 1, operation: { ...ECHO, callback: { url: receiver.url } } });
    await receiver.received(2);
    await client.post(`/v1/schedules/${id}/pause`);
    const submitted = await runs(id);
    const ticks = submitted.map(({ schedule }) => Date.parse(schedule.tick));
    expect(submitted.every(({ schedule }) => schedule.id === id)).toBe(true);
    expect(ticks[1]! - ticks[0]!).toBe(1000);
    expect(JSON.parse(receiver.all[0]!.body).data.schedule).toEqual(submitted[0].schedule);
    const { body } = await client.get(`/v1/schedules/${id}`);
    expect(body).toMatchObject({ next: [], next_at: null, paused_at: expect.any(String) });
    expect(body.last_runs[0]).toMatchObject({ operation: submitted.at(-1).id, status: 'Finished' });
  });

  it('tells its next five times, in the clock of its zone', async () => {
    const made = await make({ cron: '0 3 * * MON-FRI', time_zone: 'Asia/Tokyo' });
    expect(made.next).toHaveLength(5);
    for (const time of made.next) expect(time).toMatch(/T18:00:00\.000Z$/);
    expect(made).toMatchObject({ missed: 'once', overlap: 'allow', jitter_s: 0, last_skipped: null });
    expect((await client.get('/v1/schedules')).body.data.map(({ id }: any) => id)).toContain(made.id);
  });

  it.each([
    [{}, 'cron', /one of cron, every_s and at/],
    [{ cron: '0 3 * * *', every_s: 60 }, 'cron', /one of/],
    [{ cron: '61 * * * *' }, 'cron', /minute: 61/],
    [{ cron: '* * * * * * 2030' }, 'cron', /more than six fields/],
    [{ cron: '0 0 31 2 *' }, 'cron', /no time ahead/],
    [{ cron: '0 3 * * *', time_zone: 'Mars/One' }, 'time_zone', /IANA/],
    [{ at: '2020-01-01T00:00:00Z' }, 'at', /no time ahead/],
    [{ every_s: 60, ends_at: '2020-01-01T00:00:00Z' }, 'ends_at', /future/],
    [{ every_s: 0.1 }, 'every_s', /not be less than 1/],
    [{ every_s: 60, jitter_s: 61 }, 'jitter_s', /no longer than/],
    [{ every_s: 900, ends_at: new Date(Date.now() + 60_000).toISOString() }, 'every_s', /no time ahead/],
    [{ every_s: 60, missed: 'never' }, 'missed', /one of/],
    [{ every_s: 60, operation: { type: 'nope' } }, 'operation.type', /no operation type/],
    [
      { every_s: 60, operation: { ...ECHO, callback: { url: 'http://10.0.0.1/' } } },
      'operation.callback.url',
      /./,
    ],
    [{ every_s: 60, operation: { ...ECHO, run_at: '2030-01-01T00:00:00Z' } }, 'operation.run_at', /./],
    [{ every_s: 60, operation: { type: 'sleep', input: { seconds: -1 } } }, 'operation.input.seconds', /./],
    [{ every_s: 60, operation: null }, 'operation', /./],
  ])('that could not be kept is refused by its field: %j', async (given, path, message) => {
    const { status, body } = await client.post('/v1/schedules', { name: 'a', operation: ECHO, ...given });
    expect(status).toBe(422);
    expect(body.errors[0]).toMatchObject({ path, message: expect.stringMatching(message) });
  });

  it('is found, changed and run by nobody else', async () => {
    const { id } = await make({ every_s: 3600 });
    const other = await account();
    for (const answer of [
      other.get(`/v1/schedules/${id}`),
      other.request('PATCH', `/v1/schedules/${id}`, { name: 'b' }),
      other.post(`/v1/schedules/${id}/run`),
      other.request('DELETE', `/v1/schedules/${id}`),
    ])
      expect(await answer).toMatchObject({ status: 404, body: { code: 'schedule-not-found' } });
    expect((await app.client.get(`/v1/schedules/${id}?account=*`)).status).toBe(200);
  });

  it('keeps headers and input sealed, and shows neither', async () => {
    const secret = 'Bearer of-the-caller';
    const { id } = await make({
      every_s: 3600,
      operation: {
        type: 'echo',
        input: { password: secret },
        callback: {
          url: 'https://example.com/cb?t=hidden',
          headers: [{ key: 'authorization', value: secret }],
        },
      },
    });
    const { body } = await client.get(`/v1/schedules/${id}`);
    expect(JSON.stringify(body)).not.toMatch(/of-the-caller|hidden/);
    expect(body.operation.callback).toEqual({
      url: 'https://example.com/cb?[redacted]',
      headers: [{ key: 'authorization', value: '[redacted]' }],
    });
    const [row] = await rowsOf(app.databaseUrl, 'SELECT operation FROM schedule WHERE id = $1', [id]);
    expect(row!['operation']).toMatch(/^v1\.k1\./);
  });

  it('is changed where something is given, and goes on from now where its times are', async () => {
    const made = await make({ every_s: 3600, jitter_s: 5 });
    const patch = (change: object) => client.request('PATCH', `/v1/schedules/${made.id}`, change);
    expect((await patch({ name: 'b' })).body).toMatchObject({
      name: 'b',
      every_s: 3600,
      next_at: made.next_at,
    });
    const changed = (await patch({ cron: '0 0 1 1 *', operation: { type: 'sleep', input: { seconds: 1 } } }))
      .body;
    expect(changed).toMatchObject({ every_s: null, cron: '0 0 1 1 *', operation: { type: 'sleep' } });
    expect(changed.next_at).toMatch(/-01-01T00:00:00\.000Z$/);
    expect((await patch({ cron: 'x' })).status).toBe(422);
  });

  it('is run by hand once for a key, paused or not, and owes nothing of its pause', async () => {
    const { id } = await make({ every_s: 60, missed: 'all' });
    expect((await client.post(`/v1/schedules/${id}/pause`)).body).toMatchObject({ next_at: null });
    const headers = { 'idempotency-key': 'k' };
    const first = await client.request('POST', `/v1/schedules/${id}/run`, undefined, headers);
    const again = await client.request('POST', `/v1/schedules/${id}/run`, undefined, headers);
    expect(first).toMatchObject({ status: 202, body: { schedule: { id } } });
    expect(again.body.id).toBe(first.body.id);
    await pass(id, 3600);
    const resumed = (await client.post(`/v1/schedules/${id}/resume`)).body;
    expect(Date.parse(resumed.next_at)).toBeGreaterThan(Date.now());
    expect(await runs(id)).toHaveLength(1);
  });

  it('that is deleted ticks no more, and what it has submitted stays', async () => {
    const { id } = await make({ every_s: 60 });
    await pass(id, 61);
    await expect.poll(() => runs(id)).toHaveLength(1);
    expect((await client.request('DELETE', `/v1/schedules/${id}`)).status).toBe(204);
    expect((await client.get(`/v1/schedules/${id}`)).status).toBe(404);
    expect(await runs(id)).toHaveLength(1);
  });
});

describe('An outage of an hour', () => {
  it.each([
    ['all', 12],
    ['once', 1],
    ['skip', 0],
  ] as const)('owes under `%s` %i of twelve', async (missed, owed) => {
    client = await account();
    const { id } = await make({ every_s: 300, missed });
    await pass(id, 3_750);
    const settled = async (): Promise<boolean> =>
      Date.parse((await client.get(`/v1/schedules/${id}`)).body.next_at) > Date.now();
    await expect.poll(settled).toBe(true);
    const ticks = (await runs(id)).map(({ schedule }) => schedule.tick);
    expect(ticks).toHaveLength(owed);
    expect(new Set(ticks).size).toBe(owed);
    const { last_skipped } = (await client.get(`/v1/schedules/${id}`)).body;
    if (missed === 'all') expect(last_skipped).toBeNull();
    else expect(last_skipped.reason).toMatch(/^missed/);
  });
});

describe('A restart that takes half a minute', () => {
  it.each(['all', 'once', 'skip'])('is no outage: under `%s` too each tick of it comes', async (missed) => {
    client = await account();
    const { id } = await make({ every_s: 10, missed });
    await pass(id, 35);
    await expect.poll(() => runs(id)).toHaveLength(3);
    expect((await client.get(`/v1/schedules/${id}`)).body.last_skipped).toBeNull();
  });
});

describe('Many large ticks that are owed at once', () => {
  it('become one operation each, in steps that hold a bounded part of them', async () => {
    client = await account();
    const input = { large: 'x'.repeat(900_000) };
    const schedules = await Promise.all(
      ['a', 'b'].map((name) =>
        make({ name, every_s: 60, missed: 'all', operation: { type: 'test.asking', input } }),
      ),
    );
    const ids = schedules.map(({ id }) => id);
    const plans = vi.spyOn(ScheduleTicks.prototype, 'plan');
    await pass(ids, 601);
    const made = (): Promise<object[]> =>
      rowsOf(
        app.databaseUrl,
        `SELECT count(*)::integer AS all, count(DISTINCT (schedule_id, tick))::integer AS different FROM operation WHERE schedule_id = ANY ($1)`,
        [ids],
      );
    await expect.poll(made).toEqual([{ all: 20, different: 20 }]);
    const held = plans.mock.settledResults.map(({ value }) =>
      (value as Planned).moves
        .flatMap(({ operations }) => operations)
        .reduce((sum, one) => sum + sizeOf(one), 0),
    );
    expect(Math.max(...held)).toBeLessThan(MAX_BYTES);
    expect(held.filter((bytes) => bytes > 0)).toHaveLength(2);
    plans.mockRestore();
  });
});

describe('A schedule whose handler cannot judge its input', () => {
  it('is tried again, and keeps no other from its ticks', async () => {
    client = await account();
    const asking = await make({ every_s: 60, operation: { type: 'test.asking', input: {} } });
    const other = await make({ every_s: 60 });
    AskingHandler.away = true;
    await Promise.all([pass(asking.id, 61), pass(other.id, 61)]);
    await expect.poll(() => runs(other.id)).toHaveLength(1);
    expect(await runs(asking.id)).toEqual([]);
    AskingHandler.away = false;
    await rowsOf(app.databaseUrl, 'UPDATE schedule SET due_at = now() WHERE id = $1', [asking.id]);
    await expect.poll(() => runs(asking.id)).toHaveLength(1);
  });
});

describe('A tick', () => {
  beforeAll(async () => {
    client = await account();
  });

  it('is left out under `overlap: skip` while the operation before runs, and says so', async () => {
    const { id } = await make({
      every_s: 60,
      overlap: 'skip',
      operation: { type: 'sleep', input: { seconds: 20 } },
    });
    await pass(id, 61);
    await expect.poll(() => runs(id)).toHaveLength(1);
    await pass(id, 61);
    await expect
      .poll(async () => (await client.get(`/v1/schedules/${id}`)).body.last_skipped?.reason)
      .toBe('the operation before had not ended');
    const [operation] = await runs(id);
    await client.post(`/v1/operations/${operation.id}/cancel`);
    await pass(id, 61);
    await expect.poll(() => runs(id)).toHaveLength(2);
    await client.post(`/v1/schedules/${id}/pause`);
    await client.post(`/v1/operations/${(await runs(id))[1].id}/cancel`);
  });

  it('beyond a quota waits until there is room', async () => {
    const busy = await app.account(`schedules-${++count}`, 1);
    const { body: me } = await busy.get('/v1/account');
    await app.client.request('PATCH', `/v1/accounts/${me.id}`, { quota_waiting: 1 });
    const { id } = await make({ every_s: 3600 }, busy);
    const running = await busy.submit({ type: 'sleep', input: { seconds: 20 } });
    await expect
      .poll(async () => (await busy.get(`/v1/operations/${running.id}`)).body.status)
      .toBe('Executing');
    const waiting = await busy.submit({ type: 'echo' });
    await pass(id, 3601);
    await expect
      .poll(
        async () =>
          (
            await rowsOf(app.databaseUrl, 'SELECT due_at > next_tick AS later FROM schedule WHERE id = $1', [
              id,
            ])
          )[0]!['later'],
      )
      .toBe(true);
    expect(await runs(id, busy)).toHaveLength(0);
    for (const { id: rid } of [waiting, running]) await busy.post(`/v1/operations/${rid}/cancel`);
    await rowsOf(app.databaseUrl, 'UPDATE schedule SET due_at = now() WHERE id = $1', [id]);
    await expect.poll(() => runs(id, busy)).toHaveLength(1);
  });

  it('of a disabled account makes no operation', async () => {
    const gone = await account();
    const { body: me } = await gone.get('/v1/account');
    const { id } = await make({ every_s: 60 }, gone);
    await app.client.request('PATCH', `/v1/accounts/${me.id}`, { disabled: true });
    await pass(id, 61);
    await expect
      .poll(async () => (await app.client.get(`/v1/schedules/${id}?account=*`)).body.last_skipped?.reason)
      .toBe('the account is disabled');
    expect((await app.client.get(`/v1/operations?account=*&schedule=${id}`)).body.data).toEqual([]);
  });
});

describe('An account', () => {
  it('has as many schedules as it may', async () => {
    client = await account();
    for (let made = 0; made < 30; made++) await make({ every_s: 3600 });
    const { status, body } = await client.post('/v1/schedules', { name: 'a', every_s: 60, operation: ECHO });
    expect(status).toBe(422);
    expect(body.errors[0].message).toMatch(/has its 30 schedules/);
  });
});
