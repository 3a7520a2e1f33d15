import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { act, claim, declare } from '../support/work.js';

const TYPE = 'report.build';
const SCOPES = ['operations:write', 'operations:read', 'work'];
let app: App;
beforeAll(async () => {
  app = await App.start();
  await declare(app.client, TYPE);
});
afterAll(() => app[Symbol.asyncDispose]());

/** Most operations of an account that were Executing at once, by the order in which that was stored. */
async function most(account: string): Promise<number> {
  const [row] = await rowsOf<{ most: number }>(
    app.databaseUrl,
    `WITH step AS (
       SELECT h.id, (h.state = 'Executing')::integer
         - coalesce((lag(h.state) OVER (PARTITION BY h.operation_id ORDER BY h.id) = 'Executing')::integer, 0) AS step
       FROM history_view h JOIN operation o ON o.request_id = h.operation_id WHERE h.kind = 'transition' AND o.account_id = $1
     ), running AS (SELECT sum(step) OVER (ORDER BY id) AS count FROM step)
     SELECT max(count)::integer AS most FROM running`,
    [account],
  );
  return row!.most;
}

describe("An account's slots", () => {
  it('are shared by what workers of this service run and what remote workers run, and are never exceeded', async () => {
    const client = await app.account('shared', 3, SCOPES);
    const { id: account } = (await client.get('/v1/account')).body;
    const operations = Array.from({ length: 60 }, (_, nth) =>
      nth % 2 === 0 ? { type: TYPE } : { type: 'sleep', input: { seconds: 0.005 } },
    );
    const { body } = await client.post('/v1/operations/batch', { operations });
    const worker = async (name: string): Promise<number> => {
      let done = 0;
      for (;;) {
        const works = await claim(client, [TYPE], { limit: 5, wait: 3, worker: name });
        if (works.length === 0) return done;
        await Promise.all(works.map(({ lease }) => act(client, lease, 'complete')));
        done += works.length;
      }
    };
    const done = await Promise.all(['one', 'two', 'three'].map(worker));
    expect(done.reduce((sum, count) => sum + count, 0)).toBe(30);
    for (const { operation } of body.data)
      expect(await client.ended(operation.id)).toMatchObject({ status: 'Finished', attempt: 1 });
    expect(await most(account)).toBe(3);
  });

  it('are given to the operation that has waited longest, whoever runs it', async () => {
    const client = await app.account('in order', 1, SCOPES);
    const sleep = (seconds: number): Promise<any> => client.submit({ type: 'sleep', input: { seconds } });
    await sleep(0.3);
    const remote = await client.submit({ type: TYPE });
    const waiting = claim(client, [TYPE], { wait: 20 });
    const later = [await sleep(0), await sleep(0), await sleep(0)];
    const [work] = await waiting;
    expect(work.operation.id).toBe(remote.id);
    for (const { id } of later)
      expect((await client.get(`/v1/operations/${id}`)).body).toMatchObject({
        status: 'Waiting',
        attempt: 0,
      });
    await act(client, work.lease, 'complete');
    for (const { id } of later) expect(await client.ended(id)).toMatchObject({ status: 'Finished' });
  });

  it('go on being used by this service where no remote worker asks', async () => {
    const client = await app.account('alone', 1, SCOPES);
    await client.submit({ type: TYPE });
    const { id } = await client.submit({ type: 'echo', input: 1 });
    expect(await client.ended(id)).toMatchObject({ status: 'Finished' });
  });
});

describe('A worker', () => {
  it('gets the operations of the account of its key, with the scope admin those of all', async () => {
    const [one, other] = await Promise.all(['mine', 'theirs'].map((name) => app.account(name, 5, SCOPES)));
    const mine = await one!.submit({ type: TYPE });
    const theirs = await other!.submit({ type: TYPE });
    const [work, ...more] = await claim(one!, [TYPE], { limit: 10 });
    expect([work.operation.id, more]).toEqual([mine.id, []]);
    const all = await claim(app.client, [TYPE], { limit: 10 });
    expect(all.map(({ operation }) => operation.id)).toContain(theirs.id);
    const { lease } = all.find(({ operation }) => operation.id === theirs.id);
    for (const action of ['renew', 'complete', 'release'])
      expect([404, 409]).toContain((await act(one!, lease, action)).status);
    expect((await act(one!, lease, 'complete')).body.code).toBe('lease-not-found');
    for (const { lease: held } of [work, ...all])
      expect((await act(app.client, held, 'complete')).status).toBe(200);
  });

  it('needs the scope work', async () => {
    const client = await app.account('no worker', 5, ['operations:write', 'operations:read']);
    expect(await client.post('/v1/work/claim', { types: [TYPE] })).toMatchObject({ status: 403 });
  });

  it('that does not hear what it claimed has not used a try up', async () => {
    const client = await app.account('gone', 5, SCOPES);
    const gone = new AbortController();
    const asked = fetch(`${app.client.url}/v1/work/claim`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ types: [TYPE], wait: 20, worker: 'gone' }),
      signal: gone.signal,
    }).catch(() => undefined);
    await expect
      .poll(async () => (await app.client.get('/v1/processes')).body.data.map(({ host }: any) => host))
      .toContain('gone');
    gone.abort();
    await asked;
    const { id } = await client.submit({ type: TYPE });
    const [work] = await claim(client, [TYPE], { wait: 10 });
    expect(work.operation.id).toBe(id);
    expect(work.operation.tries - work.operation.attempt).toBe(2);
    await act(client, work.lease, 'complete');
  });

  it('is shown with its leases among the processes', async () => {
    const client = await app.account('shown', 5, SCOPES);
    await client.submit({ type: TYPE });
    const [work] = await claim(client, [TYPE], { limit: 4, worker: 'host-17' });
    const shown = async (): Promise<object> =>
      (await app.client.get('/v1/processes')).body.data.find(({ host }: any) => host === 'host-17');
    // Written down behind the answer's back.
    await expect.poll(shown).toMatchObject({
      role: 'remote',
      running: 1,
      capacity: 4,
      handlers: [TYPE],
      last_seen_at: expect.any(String),
    });
    await act(client, work.lease, 'complete');
  });
});

describe('What a worker sends', () => {
  const wrong: [string, string, object][] = [
    ['claim without types', '/v1/work/claim', {}],
    ['claim of a type that nobody declared', '/v1/work/claim', { types: ['not.declared'] }],
    ['claim of a type that a handler runs', '/v1/work/claim', { types: ['echo'] }],
    ['claim of too many', '/v1/work/claim', { types: [TYPE], limit: 501 }],
    ['claim with a lease that is too short', '/v1/work/claim', { types: [TYPE], lease_s: 4 }],
    ['renewal beyond 100', '/v1/work/lse_1_30_00000000000000000000000000000000/renew', { progress: 101 }],
    ['failure without a code', '/v1/work/lse_1_30_00000000000000000000000000000000/fail', { message: 'x' }],
    [
      'end with a file that is none',
      '/v1/work/lse_1_30_00000000000000000000000000000000/complete',
      { file: '\u0000' },
    ],
    ['release with a field', '/v1/work/lse_1_30_00000000000000000000000000000000/release', { now: true }],
    ['batch of nothing', '/v1/work/batch', { actions: [] }],
  ];
  it.each(wrong)('is refused where it is a %s, and the field is named', async (_, path, body) => {
    const answer = await app.client.post(path, body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: expect.any(String) }] } });
  });

  it('is answered one by one in a batch', async () => {
    await app.client.submit({ type: TYPE });
    const [work] = await claim(app.client, [TYPE]);
    const { body } = await app.client.post('/v1/work/batch', {
      actions: [
        { lease: work.lease, action: 'renew', progress: 10 },
        { lease: 'lse_1_30_00000000000000000000000000000000', action: 'complete' },
        { lease: 'nothing', action: 'complete' },
        { lease: work.lease, action: 'fail' },
        { lease: work.lease, action: 'release', now: 1 },
        7,
        { lease: work.lease, action: 'complete', file: `file_${'0'.repeat(32)}` },
      ],
    });
    expect(body.data.map(({ status }: any) => status)).toEqual([200, 409, 404, 422, 422, 422, 422]);
    expect((await act(app.client, work.lease, 'complete')).status).toBe(200);
  });
});
