import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { rowsOf } from '../../support/database.js';
import { Receiver } from '../../support/receiver.js';
import { HAS_PYTHON, Python, upstash } from './clients.js';

let app: App;
let client: Client;
let count = 0;
beforeAll(async () => {
  app = await App.start({ accounts: { schedulesPerAccount: 5 } });
});
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  client = await app.account(`qstash-schedules-${++count}`);
});

const schedules = () => upstash(app.client.url, client.key).schedules;
const URL = 'http://127.0.0.1:9999/';
const YEARLY = '0 0 1 1 *';
/** Its next tick is now, and the one that follows as well. */
const tick = (name: string): Promise<unknown> =>
  rowsOf(app.databaseUrl, `UPDATE schedule SET next_tick = now(), due_at = now() WHERE name = $1`, [name]);

describe('A schedule of the QStash face', () => {
  it('is shown as it was made, in QStash’s words', async () => {
    const { scheduleId } = await schedules().create({
      ...{
        destination: `${URL}/a%E9?x=%2F%00`,
        body: '{"hello":"world"}',
        method: 'GET' as const,
        cron: '*/10 * * * * ',
      },
      headers: { 'test-header': 'test-value', 'Upstash-Forward-bypass-tunnel-reminder': 'client-test' },
      ...{ callback: `${URL}callback`, failureCallback: `${URL}failure`, delay: 10, retries: 5, timeout: 30 },
      ...{ retryDelay: 'pow(retried, 2) * 1000', label: ['one', 'two'], queueName: 'a-queue' },
    });
    expect(scheduleId).toMatch(/^scd_[0-9a-f]{32}$/);
    const shown = await schedules().get(scheduleId);
    expect(shown).toEqual({
      ...{ scheduleId, cron: '*/10 * * * *', destination: `${URL}/a%E9?x=%2F%00`, method: 'GET' },
      header: {
        'Bypass-Tunnel-Reminder': ['client-test'],
        'Content-Type': ['application/json'],
        'Test-Header': ['test-value'],
      },
      ...{ body: '{"hello":"world"}', retries: 5, delay: 10, timeout: 30, queueName: 'a-queue' },
      ...{ callback: `${URL}callback`, callbackHeader: { 'Content-Type': ['application/json'] } },
      ...{
        failureCallback: `${URL}failure`,
        failureCallbackHeader: { 'Content-Type': ['application/json'] },
      },
      ...{ retryDelayExpression: 'pow(retried, 2) * 1000', label: 'one', labels: ['one', 'two'] },
      ...{ isPaused: false, createdAt: expect.any(Number), nextScheduleTime: expect.any(Number) },
      callerIP: '127.0.0.1',
    });
    expect(shown.nextScheduleTime! % 600_000).toBe(0);
    expect(await schedules().list()).toEqual([shown]);
  });

  it('has a message sent at each tick, which names it, and tells what became of the last', async () => {
    await using receiver = await Receiver.answering(200);
    const options = { scheduleId: 'named', destination: receiver.url, cron: YEARLY, body: 'again' };
    expect(await schedules().create(options)).toEqual({ scheduleId: 'named' });
    await tick('named');
    const [arrived] = await receiver.received(1);
    expect(arrived!.headers['upstash-schedule-id']).toBe('named');
    expect(arrived!.body).toBe('again');
    const messageId = arrived!.headers['upstash-message-id'] as string;
    await expect
      .poll(async () => (await schedules().get('named')).lastScheduleStates)
      .toEqual({ [messageId]: 'SUCCESS' });
    expect((await schedules().get('named')).lastScheduleTime).toBeGreaterThan(Date.now() - 60_000);
    receiver.answer(500);
    await schedules().create({ ...options, retries: 0 });
    await tick('named');
    await receiver.received(2);
    await expect
      .poll(async () => Object.values((await schedules().get('named')).lastScheduleStates!))
      .toEqual(['FAIL']);
  });

  it('has a message sent to each endpoint that its URL group has by then', async () => {
    await using receiver = await Receiver.answering(200);
    const { urlGroups } = upstash(app.client.url, client.key);
    const endpointAt = (name: string) => ({ name, url: `http://127.0.0.1:${receiver.port}/${name}` });
    await urlGroups.addEndpoints({ name: 'both', endpoints: [endpointAt('one')] });
    await schedules().create({ scheduleId: 'of-group', destination: 'both', cron: YEARLY, body: 'x' });
    await urlGroups.addEndpoints({ name: 'both', endpoints: [endpointAt('two')] });
    await tick('of-group');
    const arrived = await receiver.received(2);
    expect(arrived.map(({ path }) => path).toSorted()).toEqual(['/one', '/two']);
    for (const { path, headers } of arrived)
      expect(headers).toMatchObject({
        'upstash-topic-name': 'both',
        'upstash-endpoint-name': path.slice(1),
        'upstash-schedule-id': 'of-group',
      });
    const ids = arrived.map(({ headers }) => headers['upstash-message-id'] as string);
    await expect
      .poll(async () => (await schedules().get('of-group')).lastScheduleStates)
      .toEqual(Object.fromEntries(ids.map((id) => [id, 'SUCCESS'])));
    expect(await schedules().get('of-group')).toMatchObject({ destination: 'both' });
  });

  it('of a URL group that is gone by then sends nothing, and says why', async () => {
    await using told = await Receiver.answering(200);
    const { urlGroups } = upstash(app.client.url, client.key);
    await urlGroups.addEndpoints({ name: 'gone', endpoints: [{ url: URL }] });
    await schedules().create({
      ...{ scheduleId: 'of-none', destination: 'gone', cron: YEARLY, body: 'x' },
      failureCallback: told.url,
    });
    await urlGroups.delete('gone');
    await tick('of-none');
    const failed = async () => (await client.get('/v1/operations?status=Failed')).body.data;
    await expect
      .poll(failed)
      .toMatchObject([{ type: 'qstash.group-message', error: { code: 'no_such_url_group' } }]);
    const messageId = `msg_${(await failed())[0].id}`;
    expect(await schedules().get('of-none')).toMatchObject({
      lastScheduleStates: { [messageId]: 'FAIL' },
      error: expect.stringMatching(/no URL group gone/),
    });
    const [call] = await told.received(1);
    const body = JSON.parse(call!.body);
    expect(body).toMatchObject({
      ...{ status: 0, sourceMessageId: messageId, topicName: 'gone', scheduleId: 'of-none' },
      sourceBody: Buffer.from('x').toString('base64'),
    });
    expect(Buffer.from(body.body, 'base64').toString()).toMatch(/no URL group gone/);
    // It is no message that could be retried.
    expect(body.dlqId).toBeUndefined();
  });

  it('starts its messages later by its delay', async () => {
    await schedules().create({ scheduleId: 'late', destination: URL, cron: YEARLY, delay: 3600 });
    await tick('late');
    const waits = `SELECT extract(epoch FROM o.run_at - o.tick)::integer AS s FROM operation o
      JOIN schedule c ON c.id = o.schedule_id AND c.name = 'late'`;
    await expect.poll(() => rowsOf(app.databaseUrl, waits)).toEqual([{ s: 3600 }]);
  });

  it('is replaced by one of the same id, all of it, and stays the one it was', async () => {
    const made = { scheduleId: 'same', destination: `${URL}initial`, cron: '*/5 * * * *' };
    await schedules().create({ ...made, body: 'my-payload' });
    const { createdAt } = await schedules().get('same');
    await schedules().pause({ schedule: 'same' });
    await schedules().create({ ...made, destination: `${URL}updated` });
    const [replaced, ...others] = await schedules().list();
    expect(others).toEqual([]);
    expect(replaced).toMatchObject({ destination: `${URL}updated`, isPaused: true, createdAt });
    expect(replaced!.body).toBeUndefined();
    // What would tick in the year to come doesn't while it is paused.
    expect(replaced!.nextScheduleTime).toBeUndefined();
  });

  it('ticks no more while it is paused, and by either method is resumed', async () => {
    await schedules().create({ scheduleId: 'a', destination: URL, cron: YEARLY });
    for (const method of ['PATCH', 'POST']) {
      expect((await client.request(method, '/qstash/v2/schedules/a/pause')).status).toBe(200);
      expect(await schedules().get('a')).toMatchObject({ isPaused: true });
      expect((await client.request(method, '/qstash/v2/schedules/a/resume')).status).toBe(200);
      expect(await schedules().get('a')).toMatchObject({ isPaused: false });
    }
  });

  it('is a schedule like any other: found, changed and deleted by the native face', async () => {
    const cron = 'CRON_TZ=Europe/Paris 0 3 * * *';
    await schedules().create({ scheduleId: 'a', destination: URL, cron, body: 'x' });
    const [native] = (await client.get('/v1/schedules')).body.data;
    expect(native).toMatchObject({ name: 'a', cron: '0 3 * * *', time_zone: 'Europe/Paris', missed: 'once' });
    expect(native.operation).toMatchObject({ type: 'qstash.message' });
    expect((await schedules().get('a')).cron).toBe(cron);
    const changed = await client.request('PATCH', `/v1/schedules/${native.id}`, { cron: '0 4 * * *' });
    expect(changed.status).toBe(200);
    expect((await schedules().get('a')).cron).toBe('CRON_TZ=Europe/Paris 0 4 * * *');
    await client.post('/v1/schedules', { name: 'native', cron: YEARLY, operation: { type: 'echo' } });
    expect(await schedules().list()).toHaveLength(1);
    await schedules().delete('a');
    await schedules().delete('a');
    await expect(schedules().get('a')).rejects.toMatchObject({
      status: 404,
      message: '{"error":"there is no schedule a in this account"}',
    });
  });

  it('is its account’s alone, whatever others call theirs', async () => {
    await schedules().create({ scheduleId: 'a', destination: URL, cron: YEARLY });
    const other = upstash(app.client.url, (await app.account('other-schedules')).key).schedules;
    await expect(other.get('a')).rejects.toMatchObject({ status: 404 });
    await other.create({ scheduleId: 'a', destination: `${URL}other`, cron: YEARLY });
    await other.delete('a');
    expect((await schedules().get('a')).destination).toBe(URL);
  });

  it.each([
    [{ cron: '61 * * * *' }, 400, /Upstash-Cron must be a cron pattern/],
    [{ cron: '' }, 400, /Upstash-Cron must be given/],
    [{ cron: 'CRON_TZ=Mars/One 0 3 * * *' }, 400, /Upstash-Cron names a zone that must be an IANA name/],
    [{ cron: '0 0 31 2 *' }, 400, /Upstash-Cron has no time ahead/],
    [{ scheduleId: 'a b' }, 400, /Upstash-Schedule-Id must be 1 to 255 letters/],
    [{ queueName: 'a b' }, 400, /Upstash-Queue-Name must be 1 to 255 letters/],
    [{ destination: 'nobody' }, 404, /no URL group nobody/],
    [{ destination: 'http://10.0.0.1/' }, 400, /./],
    [{ callback: 'http://10.0.0.1/' }, 400, /./],
    [{ headers: { 'Upstash-Not-Before': '1' } }, 400, /Upstash-Not-Before goes with no schedule/],
  ])('that could not be kept is refused: %j', async (given, status, message) => {
    const create = schedules().create({ destination: URL, cron: YEARLY, ...given });
    await expect(create).rejects.toMatchObject({ status, message: expect.stringMatching(message) });
    expect(await schedules().list()).toEqual([]);
  });

  it('is refused where the account has as many as it may', async () => {
    for (const n of [1, 2, 3, 4, 5])
      await schedules().create({ scheduleId: `s${n}`, destination: URL, cron: YEARLY });
    await schedules().create({ scheduleId: 's5', destination: URL, cron: '0 0 2 1 *' });
    await expect(schedules().create({ destination: URL, cron: YEARLY })).rejects.toMatchObject({
      status: 412,
      message: expect.stringContaining('has its 5 schedules'),
    });
  });
});

describe.skipIf(!HAS_PYTHON)('With Upstash’s Python client, a schedule', () => {
  it('is made, read, paused, resumed and deleted', async () => {
    await using python = Python.start(app.client.url, client.key);
    const id = await python.call('schedule.create_json', {
      ...{ destination: URL, cron: '1 1 1 1 1', body: { ex_key: 'ex_value' }, retry_delay: '5000 * retried' },
      ...{ queue: 'schedule-queue', label: 'a-label', headers: { 'My-Header': 'x' } },
    });
    const read = () => python.call('schedule.get', { schedule_id: id });
    expect(await read()).toMatchObject({
      ...{ schedule_id: id, cron: '1 1 1 1 1', retry_delay_expression: '5000 * retried', label: 'a-label' },
      ...{ queue: 'schedule-queue', body: '{"ex_key": "ex_value"}', retries: 3, paused: false },
      ...{ headers: { 'My-Header': ['x'] }, caller_ip: '127.0.0.1' },
    });
    await python.call('schedule.pause', { schedule_id: id });
    expect(await read()).toMatchObject({ paused: true });
    await python.call('schedule.resume', { schedule_id: id });
    expect(await python.call('schedule.list')).toEqual([await read()]);
    await python.call('schedule.delete', { schedule_id: id });
    expect(await python.call('schedule.list')).toEqual([]);
  });
});
