import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { type Received, Receiver, verify } from '../support/receiver.js';

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** Where one owner's secrets are, and a callback that they sign. */
interface Owner {
  readonly client: Client;
  readonly receiver: Receiver;
  readonly secret: string;
  readonly list: string;
  readonly rotate: (overlap_s?: number) => Promise<string>;
  readonly told: () => Promise<Received>;
}

async function owner(kind: 'account' | 'endpoint', receiver: Receiver): Promise<Owner> {
  const client = await app.account(`secrets-${++count}`);
  const callback = kind === 'account' ? { callback: { url: receiver.url } } : {};
  const { body: endpoint } =
    kind === 'account' ? { body: null } : await client.post('/v1/endpoints', { url: receiver.url });
  const rotation = endpoint ? `/v1/endpoints/${endpoint.id}/rotate-secret` : '/v1/signing-secret/rotate';
  return {
    client,
    receiver,
    secret: endpoint ? endpoint.secret : await client.signingSecret(),
    list: endpoint ? `/v1/endpoints/${endpoint.id}/secrets` : '/v1/signing-secret/list',
    rotate: async (overlap_s) =>
      (await client.post(rotation, overlap_s === undefined ? {} : { overlap_s })).body.secret,
    told: async () => {
      const before = receiver.all.length;
      await client.submit({ type: 'echo', ...callback });
      return (await receiver.received(before + 1)).at(-1)!;
    },
  };
}

const one = ({ list }: Owner, id: string): string => `${list.replace('/list', '')}/${id}`;

describe.each(['account', 'endpoint'] as const)('the signing secrets of an %s', (kind) => {
  it('are bounded by the overlap of each rotation, however long an earlier one was', async () => {
    await using receiver = await Receiver.answering(200);
    const its = await owner(kind, receiver);
    const second = await its.rotate(3600);
    const third = await its.rotate(60);
    const { body } = await its.client.get(its.list);
    expect(body.data.map(({ current }: { current: boolean }) => current)).toEqual([true, false, false]);
    for (const { signs_until } of body.data.slice(1))
      expect(Date.parse(signs_until) - Date.now()).toBeLessThanOrEqual(60_000);
    const both = await its.told();
    for (const secret of [its.secret, second, third]) expect(() => verify(secret, both)).not.toThrow();
    const fourth = await its.rotate(0);
    const alone = await its.told();
    expect(() => verify(fourth, alone)).not.toThrow();
    for (const secret of [its.secret, second, third]) expect(() => verify(secret, alone)).toThrow();
    expect((await its.client.get(its.list)).body.data).toHaveLength(1);
  });

  it('are listed newest first, with their ends and without their text', async () => {
    await using receiver = await Receiver.answering(200);
    const its = await owner(kind, receiver);
    const fresh = await its.rotate();
    const { status, body, text } = await its.client.get(its.list);
    expect([status, body]).toEqual([
      200,
      {
        data: [
          {
            id: expect.stringMatching(/^sec_/),
            current: true,
            signs_until: null,
            created_at: expect.any(String),
          },
          {
            id: expect.stringMatching(/^sec_/),
            current: false,
            signs_until: expect.any(String),
            created_at: expect.any(String),
          },
        ],
      },
    ]);
    expect(text).not.toMatch(/whsec_|v1\./);
    expect(text).not.toContain(fresh.slice(6));
  });

  it('are ended one by one at once, but for the current one', async () => {
    await using receiver = await Receiver.answering(200);
    const its = await owner(kind, receiver);
    const second = await its.rotate();
    const third = await its.rotate();
    const { data } = (await its.client.get(its.list)).body;
    expect(await its.client.request('DELETE', one(its, data[0].id))).toMatchObject({
      status: 409,
      body: { code: 'secret-current', errors: [{ path: 'secret_id' }] },
    });
    expect((await its.client.request('DELETE', one(its, data[2].id))).status).toBe(204);
    const told = await its.told();
    for (const secret of [second, third]) expect(() => verify(secret, told)).not.toThrow();
    expect(() => verify(its.secret, told)).toThrow(/No matching signature/);
    expect(await its.client.request('DELETE', one(its, data[2].id))).toMatchObject({
      status: 404,
      body: { code: 'secret-not-found' },
    });
    const stranger = await app.account(`secrets-${++count}`);
    expect((await stranger.request('DELETE', one(its, data[1].id))).status).toBe(404);
    expect((await its.client.get(its.list)).body.data).toHaveLength(2);
  });

  it('that have expired are neither listed nor ended', async () => {
    await using receiver = await Receiver.answering(200);
    const its = await owner(kind, receiver);
    await its.rotate();
    const [, old] = (await its.client.get(its.list)).body.data;
    await rowsOf(app.databaseUrl, 'UPDATE signing_secret SET expires_at = now() WHERE id = $1', [old.id]);
    expect((await its.client.get(its.list)).body.data).toHaveLength(1);
    expect((await its.client.request('DELETE', one(its, old.id))).status).toBe(404);
  });
});
