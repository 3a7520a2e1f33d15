import { describe, expect, it } from 'vitest';
import { App, freePort } from './support/app.js';
import { UpstreamApi } from './support/upstream.js';

async function start(upstream: string, more: object): Promise<[App, string]> {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  return [await App.start({ gateway: { upstream, port, publicUrl, ...more } }), publicUrl];
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
      const user = /^User (\d+)$/.exec(seen.headers.authorization ?? '')?.[1];
      response.writeHead(user ? 204 : 401, user ? { 'x-user-id': user } : {}).end();
    });
    const more = { authUrl: judge.url, types: 'numbers', sharing: 'owner' };
    const [judged, base] = await start(upstream.url, more);
    await using _ = judged;
    const as = (user: string, path: string) =>
      fetch(`${base}${path}`, { headers: user === '' ? {} : { authorization: user } });
    expect((await as('Nobody', '/x?bgrs=1')).status).toBe(401);
    const { request: rid } = (await (await as('User 7', '/x?bgrs=1')).json()) as { request: string };
    const row = async () => ((await (await as('User 7', `/bgrs/${rid}`)).json()) as any[])[0];
    await expect.poll(async () => (await row()).status_id, { timeout: 20_000 }).toBe(4);
    expect(await row()).toMatchObject({ user_id: '7', progress: 100, status: 200 });
    expect((await as('User 8', `/bgrs/${rid}`)).status).toBe(404);
    judge.server.closeAllConnections();
    judge.server.close();
    expect((await as('User 7', '/x?bgrs=1')).status).toBe(503);
  });
});
