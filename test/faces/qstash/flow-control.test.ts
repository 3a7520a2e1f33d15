import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { rowsOf } from '../../support/database.js';
import { HAS_PYTHON, Python, upstash } from './clients.js';

let app: App;
let client: Client;
let count = 0;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  client = await app.account(`flow-control-${++count}`, 7);
});

const qstash = () => upstash(app.client.url, client.key);
const flows = () => qstash().flowControl;
/** Makes the key known, by a message that waits for long. */
const publish = (key: string) =>
  qstash().publish({
    ...{ url: 'http://127.0.0.1:9999/', body: 'x', delay: 3600 },
    flowControl: { key, parallelism: 5, rate: 10, period: '1m' },
  });

describe('A flow control key', () => {
  it('is as its messages say, and found by name, also with a slash and in the list', async () => {
    await publish('tenant/7');
    const flow = await flows().get('tenant/7');
    expect(flow).toEqual({
      ...{ flowControlKey: 'tenant/7', waitListSize: 0, parallelismMax: 5, parallelismCount: 0 },
      ...{ rateMax: 10, rateCount: 0, ratePeriod: 60, ratePeriodStart: expect.any(Number) },
      ...{ isPaused: false, isPinnedParallelism: false, isPinnedRate: false },
    });
    await qstash().queue({ queueName: 'no-key' }).upsert({});
    const list = (await client.get('/qstash/v2/flowControl')).body;
    expect(list.map((one: any) => one.flowControlKey)).toEqual(['tenant/7']);
    await expect(flows().get('nobody')).rejects.toMatchObject({ status: 404 });
  });

  it('is paused and resumed, also before any message has it', async () => {
    await flows().pause('a');
    expect(await flows().get('a')).toMatchObject({ isPaused: true });
    await flows().resume('a');
    expect(await flows().get('a')).toMatchObject({ isPaused: false });
  });

  it('may have a % that escapes nothing', async () => {
    await publish('100%');
    await flows().pause('100%');
    await flows().pin('100%', { parallelism: 2 });
    expect(await flows().get('100%')).toMatchObject({ isPaused: true, parallelismMax: 2, rateMax: 10 });
  });

  it('is not made by what would take something back from it', async () => {
    await flows().resume('nobody');
    await flows().unpin('nobody', { parallelism: true, rate: true });
    await flows().resetRate('nobody');
    await expect(flows().get('nobody')).rejects.toMatchObject({ status: 404 });
  });

  it('may be pinned or paused, or have its limits set, while no more than 1,000 of the account are', async () => {
    const { id } = (await client.get('/v1/account')).body;
    await rowsOf(
      app.databaseUrl,
      `INSERT INTO flow (account_id, key, pinned_parallelism) SELECT '${id}', 'key ' || n, 1 FROM generate_series(1, 1000) n`,
    );
    await flows().pause('key 7');
    await flows().pin('key 8', { parallelism: 2 });
    await publish('other');
    await expect(flows().pause('other')).rejects.toMatchObject({ status: 412 });
    await expect(flows().pin('new', { rate: 1 })).rejects.toMatchObject({ status: 412 });
    await expect(flows().get('new')).rejects.toMatchObject({ status: 404 });
    expect((await client.request('PUT', '/v1/flows/other', { rate: 1 })).body).toMatchObject({
      ...{ status: 422, code: 'too-many-flows', errors: [{ path: 'key' }] },
    });
    expect((await client.get('/qstash/v2/flowControl')).body).toHaveLength(1_000);
    // What is no longer held is as its messages say, and counts no more.
    await flows().unpin('key 8', { parallelism: true });
    await flows().pause('other');
    await expect(flows().pin('key 8', { rate: 1 })).rejects.toMatchObject({ status: 412 });
    await flows().resume('other');
    await flows().pin('key 8', { rate: 1 });
    const kept = await rowsOf(
      app.databaseUrl,
      `SELECT key FROM flow WHERE account_id = '${id}' AND NOT kept`,
    );
    expect(kept).toEqual([{ key: 'other' }]);
  });

  it('is pinned, whatever messages say, and unpinned one by one', async () => {
    await publish('a');
    await flows().pin('a', { parallelism: 3, rate: 20, period: 120 });
    await publish('a');
    const pinned = { isPinnedParallelism: true, isPinnedRate: true };
    expect(await flows().get('a')).toMatchObject({
      ...{ ...pinned, parallelismMax: 3, rateMax: 20, ratePeriod: 120 },
    });
    await flows().unpin('a', { parallelism: true });
    expect(await flows().get('a')).toMatchObject({
      ...pinned,
      isPinnedParallelism: false,
      parallelismMax: 5,
    });
    await flows().unpin('a', { rate: true });
    expect(await flows().get('a')).toMatchObject({ isPinnedRate: false, rateMax: 10, ratePeriod: 60 });
    await flows().resetRate('a');
  });

  it.each([
    ['a/pin', 400, /parallelism or rate must be given/],
    ['a/pin?rate=0', 400, /rate must be a whole number/],
    ['a/pin?parallelism=1&period=5', 400, /period goes with a rate/],
    ['$queue/x/pause', 400, /must have 1 to 255 characters, and not begin with \$/],
    ['pause', 400, /must have 1 to 255 characters/],
    ['a/other', 404, /has no other/],
  ])('is refused what it can’t have: %s', async (path, status, message) => {
    const answer = await client.post(`/qstash/v2/flowControl/${path}`);
    expect([answer.status, answer.body.error]).toEqual([status, expect.stringMatching(message)]);
  });
});

describe('The global parallelism', () => {
  it('is the account’s slots', async () => {
    const global = await flows().getGlobalParallelism();
    expect(global).toEqual({ parallelismMax: 7, parallelismCount: 0 });
  });
});

describe.skipIf(!HAS_PYTHON)('With Upstash’s Python client, a flow control key', () => {
  it('is read, paused, pinned and reset', async () => {
    await using python = Python.start(app.client.url, client.key);
    const flow_control_key = 'a';
    await python.call('flow_control.pin', {
      flow_control_key,
      options: { parallelism: 3, rate: 20, period: 120 },
    });
    await python.call('flow_control.pause', { flow_control_key });
    await python.call('flow_control.reset_rate', { flow_control_key });
    expect(await python.call('flow_control.get', { flow_control_key })).toMatchObject({
      ...{ key: 'a', is_paused: true, is_pinned_parallelism: true, is_pinned_rate: true },
      ...{ parallelism_max: 3, rate_max: 20, rate_period: 120, rate_count: 0 },
    });
    await python.call('flow_control.unpin', { flow_control_key, options: { parallelism: true, rate: true } });
    await python.call('flow_control.resume', { flow_control_key });
    expect(await python.call('flow_control.get', { flow_control_key })).toMatchObject({
      ...{ is_paused: false, is_pinned_parallelism: false, is_pinned_rate: false },
    });
    expect(await python.call('flow_control.get_global_parallelism')).toMatchObject({ parallelism_max: 7 });
  });
});
