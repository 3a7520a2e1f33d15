import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';

let app: App;
let accountId: string;
beforeAll(async () => {
  app = await App.start({ operations: { heartbeatS: 0.2 } });
  accountId = (await app.client.post('/v1/accounts', { name: 'held' })).body.id;
});
afterAll(() => app[Symbol.asyncDispose]());

const scopes = ['operations:write', 'operations:read'];

async function keyOf(fields: object = {}): Promise<{ id: string; client: Client }> {
  const { body } = await app.client.post(`/v1/accounts/${accountId}/keys`, { name: 'k', scopes, ...fields });
  return { id: body.id, client: app.client.withKey(body.key) };
}

/** As another process does it, or an operator in the database. */
const revoke = (id: string) =>
  rowsOf(app.databaseUrl, 'UPDATE api_key SET revoked_at = now() WHERE id = $1', [id]);

const sleep = { type: 'sleep', input: { seconds: 25 } };

async function stream(client: Client, id: string): Promise<string> {
  const answer = await fetch(`${client.url}/v1/operations/${id}/history`, {
    headers: { authorization: `Bearer ${client.key}`, accept: 'text/event-stream' },
    signal: AbortSignal.timeout(10_000),
  });
  expect(answer.status).toBe(200);
  return answer.text();
}

describe('what is held for a key', () => {
  it('ends at the next heartbeat once the key is revoked: a stream is closed, a wait answered 401', async () => {
    const { id, client } = await keyOf();
    const other = await keyOf();
    const operation = await client.submit(sleep);
    const held = [
      stream(client, operation.id),
      client.get(`/v1/operations/${operation.id}?wait=20`),
    ] as const;
    const others = other.client.get(`/v1/operations/${operation.id}?wait=3`);
    const submitting = client.post('/v1/operations', sleep, { prefer: 'wait=20' });
    await expect
      .poll(async () => (await app.client.withKey(other.client.key).get('/v1/operations')).body.data.length)
      .toBe(2);
    const revokedAt = performance.now();
    await revoke(id);
    const [text, waited] = await Promise.all(held);
    expect(text).not.toContain('Canceled');
    expect([waited.status, waited.body.code]).toEqual([401, 'unauthorized']);
    // What was accepted is told all the same: its id must not be lost.
    const submitted = await submitting;
    expect([submitted.status, submitted.body.status]).toEqual([
      202,
      expect.stringMatching(/Waiting|Executing/),
    ]);
    expect(performance.now() - revokedAt).toBeLessThan(2_500);
    expect((await others).status).toBe(200);
    for (const { id: open } of (await other.client.get('/v1/operations')).body.data)
      await other.client.post(`/v1/operations/${open}/cancel`);
  });

  it('ends likewise once the key has expired', async () => {
    const { client } = await keyOf({ expires_at: new Date(Date.now() + 2_000).toISOString() });
    const operation = await client.submit(sleep);
    const startedAt = performance.now();
    await stream(client, operation.id);
    expect(performance.now() - startedAt).toBeLessThan(6_000);
  });
});
