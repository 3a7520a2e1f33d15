import { describe, expect, it } from 'vitest';
import { App, freePort, type Overrides } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { UpstreamApi } from '../support/upstream.js';

const JSON_TYPE = { 'content-type': 'application/json' };

async function start(upstream: string, gateway: object, others: Overrides = {}): Promise<[App, string]> {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  return [await App.start({ ...others, gateway: { upstream, port, publicUrl, ...gateway } }), publicUrl];
}

async function ended(rid: string, base: string): Promise<any> {
  const read = async () => ((await (await fetch(`${base}/bgrs/${rid}`)).json()) as any[])[0];
  await expect.poll(async () => (await read()).finished_dt, { timeout: 20_000, interval: 30 }).toBeTruthy();
  return read();
}

describe('set otherwise:', () => {
  it('an upstream that is down is a readable 502, or a failed request, and never a hung socket', async () => {
    const [down, base] = await start(`http://127.0.0.1:${await freePort()}`, { open: true });
    await using _ = down;
    const answer = await fetch(`${base}/x`);
    expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'upstream-unreachable' }]);
    const taken = await fetch(`${base}/x?bgrs=1`, { method: 'POST', body: 'x' });
    const { request: rid } = (await taken.json()) as { request: string };
    expect(await ended(rid, base)).toMatchObject({ status_id: '3', status_name: 'failed' });
    const details = await (await fetch(`${base}/bgrs/${rid}/details`)).text();
    expect(details).toContain('the connection was refused');
  });

  it('RINGBACK_GATEWAY_AUTH_URL decides, names the user, fails closed; numbers; owner only', async () => {
    await using upstream = await UpstreamApi.answering((response) => response.end('ok'));
    await using judge = await UpstreamApi.answering((response, seen) => {
      const { authorization = '' } = seen.headers;
      const user = /^User (\d+)$/.exec(authorization)?.[1];
      const lets = user !== undefined || authorization === 'Anybody';
      const challenge = { 'www-authenticate': 'Basic realm="api"' };
      response
        .writeHead(lets ? 204 : 401, user === undefined ? (lets ? {} : challenge) : { 'x-user-id': user })
        .end();
    });
    const more = { authUrl: judge.url, types: 'numbers', sharing: 'owner' };
    const [judged, base] = await start(upstream.url, more);
    await using _ = judged;
    const as = (user: string, path: string) =>
      fetch(`${base}${path}`, { headers: user === '' ? {} : { authorization: user } });
    const nobody = await as('Nobody', '/x?bgrs=1');
    expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="api"']);
    expect(await nobody.json()).toMatchObject({
      detail: expect.stringContaining("a credential of the API's"),
    });
    const { request: rid } = (await (await as('User 7', '/x?bgrs=1')).json()) as { request: string };
    const row = async () => ((await (await as('User 7', `/bgrs/${rid}`)).json()) as any[])[0];
    await expect.poll(async () => (await row()).status_id, { timeout: 20_000 }).toBe(4);
    expect(await row()).toMatchObject({ user_id: '7', progress: 100, status: 200 });
    expect((await as('User 8', `/bgrs/${rid}`)).status).toBe(404);
    // Who is let in without a name is known by the number of the account that the requests belong to.
    const { request: nameless } = (await (await as('Anybody', '/x?bgrs=1')).json()) as { request: string };
    const [of] = (await (await as('Anybody', `/bgrs/${nameless}`)).json()) as any[];
    expect(of.user_id).toBeGreaterThan(1);
    judge.server.closeAllConnections();
    judge.server.close();
    expect((await as('User 7', '/x?bgrs=1')).status).toBe(503);
  });

  it('a result whose time is over is gone, 410, and its progress URL with it; the record is still read', async () => {
    await using receiver = await Receiver.answering(200);
    let progressUrl = '';
    await using upstream = await UpstreamApi.answering((response, { headers }) => {
      progressUrl = headers['x-ringback-progress-url'] as string;
      response.end('kept for a second');
    });
    const [keeping, base] = await start(
      upstream.url,
      { open: true },
      {
        operations: { retention: new Map([['keep1m', 1]]) },
        housekeeping: { everyS: 0.1, historyS: 3600 },
      },
    );
    await using _ = keeping;
    const callback = encodeURIComponent(receiver.url);
    const taken = await fetch(`${base}/x?bgrs=1&callbackurl=${callback}`, { method: 'POST', body: 'x' });
    const { request: rid } = (await taken.json()) as { request: string };
    const result = async () => {
      const answer = await fetch(`${base}/bgrs/${rid}/result`);
      return [answer.status, ((await answer.json()) as { code: string }).code];
    };
    await receiver.received(1);
    await expect.poll(result, { timeout: 20_000 }).toEqual([410, 'result-expired']);
    await rowsOf(keeping.databaseUrl, 'UPDATE chore SET due_at = now()');
    const emptied = () =>
      rowsOf(keeping.databaseUrl, 'SELECT FROM operation_end WHERE emptied_at IS NOT NULL');
    await expect.poll(emptied, { timeout: 20_000 }).toHaveLength(1);
    expect(await result()).toEqual([410, 'result-expired']);
    const [account] = await rowsOf<{ number: string }>(
      keeping.databaseUrl,
      "SELECT number FROM account WHERE name = 'gateway'",
    );
    expect(await ended(rid, base)).toMatchObject({
      rid,
      user_id: account!.number,
      status_name: 'finished',
      status: null,
      result: null,
    });
    const told = await fetch(progressUrl, { method: 'POST', body: '{"progress":1}', headers: JSON_TYPE });
    expect(told.status).toBe(401);
  });
});
