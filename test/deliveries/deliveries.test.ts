import type { ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/signing/signature.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { type Answer, type Received, Receiver } from '../support/receiver.js';
import { everyRow } from '../support/rows.js';

// One app at a time: on Redis the apps of a file share its queues.
let app: App;
let client: Client;

const use = (overrides?: Parameters<typeof App.start>[0]): void => {
  beforeAll(async () => {
    app = await App.start(overrides);
    client = app.client;
  });
  afterAll(() => app[Symbol.asyncDispose]());
};

/** Verified by both npm packages, as it was sent. */
const verified = (secret: string, { body, headers }: Received): any => {
  const event = new Webhook(secret).verify(body, headers as Record<string, string>);
  new SvixWebhook(secret).verify(body, headers as Record<string, string>);
  return event;
};

/** The one delivery of an operation, once it exists and is as wanted. */
const delivery = async (operation: { id: string }, wanted: object): Promise<any> => {
  const look = async () => {
    const [owed] = await client.deliveries(operation.id);
    return owed && client.delivery(owed.id);
  };
  await expect.poll(look, { timeout: 10_000 }).toMatchObject(wanted);
  return look();
};

const signatures = ({ headers }: Received): string[] => String(headers['webhook-signature']).split(' ');

/** Holds every response until it is told what to answer. */
class Gate {
  readonly held: ServerResponse[] = [];
  readonly hold = (response: ServerResponse): void => void this.held.push(response);

  open(status: number): void {
    for (const response of this.held.splice(0)) response.writeHead(status).end();
  }
}

const respond =
  (status: number, headers: Record<string, string>, body = ''): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** A port of loopback where nobody listens. */
const deadUrl = async (): Promise<string> => {
  const receiver = await Receiver.answering(200);
  const { url } = receiver;
  await receiver[Symbol.asyncDispose]();
  return url;
};

describe('a callback', () => {
  use();

  it('says how its last attempt failed, in lists and by itself, until it arrives', async () => {
    await using receiver = await Receiver.answering(503, 503, 503, 503, 200);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const dead = await delivery(operation, { status: 'Exhausted', error: 'http_5xx' });
    expect(await client.deliveries(operation.id)).toMatchObject([{ error: 'http_5xx' }]);
    const nowhere = await client.submit({ type: 'echo', callback: { url: await deadUrl() } });
    await delivery(nowhere, { error: 'connect_refused' });
    await client.post(`/v1/deliveries/${dead.id}/redeliver`);
    await delivery(operation, { status: 'Delivered', error: null });
    expect(await client.deliveries(operation.id)).toMatchObject([{ error: null }]);
  });

  it('is retried until the receiver accepts it, with the same bytes and id, and each time a fresh signature', async () => {
    await using receiver = await Receiver.answering(503, 500, 404, 204);
    const operation = await client.submit({
      type: 'echo',
      input: 'ü\u2028\u0000💩',
      callback: { url: receiver.url },
    });
    const all = await receiver.received(4);
    const secret = await client.signingSecret();
    const ended = await delivery(operation, {
      status: 'Delivered',
      attempt_count: 4,
      next_attempt_at: null,
      reason: null,
    });
    expect(new Set(all.map(({ body }) => body))).toEqual(new Set([ended.body]));
    expect(new Set(all.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([ended.id]));
    expect(all.map(({ headers }) => headers['ringback-attempt'])).toEqual(['1', '2', '3', '4']);
    for (const received of all) {
      expect(verified(secret, received).data.id).toBe(operation.id);
      expect(Math.abs(Number(received.headers['webhook-timestamp']) * 1000 - received.at)).toBeLessThan(
        3_000,
      );
      expect(received.headers['user-agent']).toMatch(/^Ringback\/\d/);
    }
    expect(Date.parse(ended.delivered_at)).toBeGreaterThanOrEqual(Date.parse(ended.created_at));
    expect(receiver.all).toHaveLength(4);
  });

  it('is signed anew with the time of each attempt', async () => {
    await using receiver = await Receiver.answering(respond(503, { 'retry-after': '1' }), 200);
    await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const [first, second] = await receiver.received(2);
    expect(Number(second!.headers['webhook-timestamp'])).toBeGreaterThan(
      Number(first!.headers['webhook-timestamp']),
    );
    expect(second!.headers['webhook-signature']).not.toBe(first!.headers['webhook-signature']);
  });

  it('tells by fingerprints which secrets sign it, old ones too', async () => {
    await using receiver = await Receiver.answering(200);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { id, signing_fingerprints: before } = await delivery(operation, { status: 'Delivered' });
    const { secret: old } = (await client.get('/v1/signing-secret')).body;
    expect(before).toEqual([fingerprintOf(old)]);
    const { secret } = (await client.post('/v1/signing-secret/rotate', { overlap_s: 3600 })).body;
    const after = (await client.delivery(id)).signing_fingerprints;
    expect(after).toEqual([fingerprintOf(secret), fingerprintOf(old)]);
    await client.post('/v1/signing-secret/rotate', { overlap_s: 0 });
  });

  it('shows every attempt with all that is known of it', async () => {
    await using receiver = await Receiver.answering(
      respond(500, { 'x-reason': 'busy', 'set-cookie': 'a=b' }, 'try later'),
      200,
    );
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts, ...shown } = await delivery(operation, { status: 'Delivered' });
    expect(shown).toEqual({
      id: expect.stringMatching(/^dlv_[0-9a-f]{32}$/),
      operation_id: operation.id,
      endpoint_id: null,
      url: receiver.url,
      event: 'operation.finished',
      status: 'Delivered',
      attempt_count: 2,
      next_attempt_at: null,
      created_at: expect.stringMatching(/Z$/),
      delivered_at: expect.stringMatching(/Z$/),
      reason: null,
      error: null,
      signing_fingerprints: [expect.stringMatching(/^[0-9a-f]{16}$/)],
      body: receiver.all[0]!.body,
    });
    const { headers } = (await receiver.received(1))[0]!;
    expect(attempts).toEqual([
      {
        id: expect.stringMatching(/^att_[0-9a-f]{32}$/),
        number: 1,
        trigger: 'schedule',
        outcome: 'failed',
        started_at: expect.stringMatching(/Z$/),
        duration_ms: expect.any(Number),
        phases_ms: {
          dns: expect.any(Number),
          connect: expect.any(Number),
          tls: null,
          first_byte: expect.any(Number),
        },
        http_status: 500,
        error: 'HTTP 500',
        request_headers: {
          'content-type': 'application/json',
          'webhook-id': shown.id,
          'webhook-timestamp': headers['webhook-timestamp'],
          'ringback-operation': operation.id,
          'ringback-attempt': '1',
        },
        response_headers: expect.objectContaining({ 'x-reason': 'busy', 'set-cookie': '[redacted]' }),
        response_body: 'try later',
        response_truncated: false,
        retry_after_s: null,
        next_attempt_at: expect.stringMatching(/Z$/),
      },
      expect.objectContaining({
        number: 2,
        outcome: 'delivered',
        http_status: 200,
        error: null,
        response_body: '',
        next_attempt_at: null,
      }),
    ]);
  });

  it('never shows the values of its headers, nor stores a signature, also when the receiver echoes them', async () => {
    const value = 'Bearer s3cret"value\\of=the+caller';
    await using receiver = await Receiver.answering((response, { headers }) => {
      const signature = String(headers['webhook-signature']);
      response
        .writeHead(500, { 'x-echo': value, 'x-signature': signature })
        .end(JSON.stringify(headers) + value + signature);
    });
    const submission = {
      type: 'echo',
      input: 1,
      callback: {
        url: `${receiver.url}?token=s3cret-query`,
        headers: [
          { key: 'Authorization', value },
          { key: 'X-Key', value: 's3cret-key' },
        ],
      },
    };
    const answers = [
      await client.post('/v1/operations', submission, { 'idempotency-key': 'secret' }),
      await client.post('/v1/operations', submission, { 'idempotency-key': 'secret' }),
    ];
    const operation = answers[0]!.body;
    const { id, attempts } = await delivery(operation, { status: 'Exhausted' });
    const paths = ['', '?wait=1', '/history', '/result', '/deliveries'].map(
      (rest) => `/v1/operations/${operation.id}${rest}`,
    );
    for (const path of [...paths, '/v1/operations', '/v1/deliveries', `/v1/deliveries/${id}`])
      answers.push(await client.get(path));
    answers.push(
      await client.post(`/v1/deliveries/${id}/redeliver`),
      await client.post(`/v1/operations/${operation.id}/cancel`),
      await client.post(`/v1/deliveries/${id}/cancel`),
    );
    const shown = answers.map(({ text }) => text).join('\n');
    const stored = await everyRow(app.databaseUrl);
    const [received] = await receiver.received(1);
    expect(received!.headers).toMatchObject({ authorization: value, 'x-key': 's3cret-key' });
    expect(attempts[0].request_headers).toMatchObject({ authorization: '[redacted]', 'x-key': '[redacted]' });
    expect(attempts[0].response_headers).toMatchObject({ 'x-echo': '[redacted]' });
    expect(shown).not.toMatch(/s3cret/);
    expect(stored).not.toMatch(/s3cret/);
    for (const signature of receiver.all.flatMap(signatures)) {
      expect(shown).not.toContain(signature.slice(3));
      expect(stored).not.toContain(signature.slice(3));
    }
  });

  it('ends as a dead letter when its schedule is spent, and is sent once more by hand, with the same id and bytes', async () => {
    const url = await deadUrl();
    const operation = await client.submit({ type: 'echo', input: 2, callback: { url } });
    const dead = await delivery(operation, {
      status: 'Exhausted',
      reason: 'schedule_spent',
      attempt_count: 4,
      next_attempt_at: null,
      delivered_at: null,
    });
    expect(
      dead.attempts.map((attempt: any) => [attempt.outcome, attempt.http_status, attempt.response_headers]),
    ).toEqual(Array.from({ length: 4 }, () => ['failed', null, null]));
    expect(dead.attempts[0].error).toMatch(/^connect_refused: /);
    expect(dead.attempts[0].error).not.toMatch(/127\.0\.0\.1/);
    expect((await client.ended(operation.id)).callback.state).toBe('Exhausted');
    const redelivered = await client.post(`/v1/deliveries/${dead.id}/redeliver`);
    expect(redelivered.status).toBe(202);
    expect(redelivered.body).toMatchObject({ id: dead.id, status: 'Pending', reason: null });
    const again = await delivery(operation, {
      status: 'Exhausted',
      reason: 'schedule_spent',
      attempt_count: 5,
    });
    expect(again.attempts[4]).toMatchObject({
      number: 5,
      trigger: 'manual',
      outcome: 'failed',
      next_attempt_at: null,
    });
    expect(again.body).toBe(dead.body);
  });

  it('is delivered by hand after it was a dead letter, and not twice', async () => {
    await using receiver = await Receiver.answering(500);
    const operation = await client.submit({ type: 'echo', input: 3, callback: { url: receiver.url } });
    const { id } = await delivery(operation, { status: 'Exhausted' });
    receiver.answer(200);
    await client.post(`/v1/deliveries/${id}/redeliver`);
    await delivery(operation, { status: 'Delivered', attempt_count: 5 });
    const [first, , , , fifth] = await receiver.received(5);
    expect(fifth!.body).toBe(first!.body);
    expect(fifth!.headers).toMatchObject({ 'webhook-id': id, 'ringback-attempt': '5' });
    verified(await client.signingSecret(), fifth!);
    for (const verb of ['redeliver', 'cancel']) {
      const refused = await client.post(`/v1/deliveries/${id}/${verb}`);
      expect([refused.status, refused.body.code]).toEqual([409, 'delivery-state']);
    }
    expect(receiver.all).toHaveLength(5);
  });

  it('cannot be redelivered while an attempt is in flight', async () => {
    const gate = new Gate();
    await using receiver = await Receiver.answering(gate.hold, 200);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    const { id, attempts } = await delivery(operation, { status: 'Pending', attempt_count: 1 });
    expect(attempts).toMatchObject([{ outcome: 'started', duration_ms: null, http_status: null }]);
    const refused = await client.post(`/v1/deliveries/${id}/redeliver`);
    expect([refused.status, refused.body.code]).toEqual([409, 'delivery-state']);
    gate.open(200);
    await delivery(operation, { status: 'Delivered', attempt_count: 1 });
  });

  it('stays canceled when it was canceled in flight, whatever the receiver answers then', async () => {
    const gate = new Gate();
    await using receiver = await Receiver.answering(gate.hold, 200);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    const { id } = await delivery(operation, { status: 'Pending', attempt_count: 1 });
    const canceled = await client.post(`/v1/deliveries/${id}/cancel`);
    expect([canceled.status, canceled.body.status]).toEqual([200, 'Canceled']);
    gate.open(500);
    // The next delivery to the same receiver is made after the answer to the first.
    const next = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await delivery(next, { status: 'Delivered' });
    const shown = await client.delivery(id);
    expect(shown).toMatchObject({ status: 'Canceled', attempt_count: 1, next_attempt_at: null });
    expect(shown.attempts).toMatchObject([{ outcome: 'unknown', error: 'canceled' }]);
    expect((await client.ended(operation.id)).callback.state).toBe('Canceled');
    expect((await client.post(`/v1/deliveries/${id}/redeliver`)).status).toBe(409);
  });

  it('is given up when the receiver says that it is gone', async () => {
    await using receiver = await Receiver.answering(410);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Exhausted', reason: 'gone', attempt_count: 1 });
    expect(attempts[0]).toMatchObject({ outcome: 'failed', http_status: 410, next_attempt_at: null });
  });

  it('is given up when its next attempt would come after the deadline', async () => {
    await using receiver = await Receiver.answering(respond(429, { 'retry-after': '3000' }));
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    await expect
      .poll(async () => Date.parse((await client.deliveries(operation.id))[0].next_attempt_at))
      .toBeGreaterThan(Date.now() + 1_000_000);
    const late = `UPDATE live_delivery SET owed_since = now() - interval '8 days', phase = 'ready', look_at = now(), due_at = now() WHERE operation_id = ${operation.request_id}`;
    await rowsOf(app.databaseUrl, late);
    const given = await delivery(operation, { status: 'Exhausted' });
    expect(given).toMatchObject({ reason: 'deadline_spent', attempt_count: 2 });
  });

  it('is given up when the receiver aborts it', async () => {
    await using receiver = await Receiver.answering(respond(500, { 'webhook-delivery': 'abort-message' }));
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await delivery(operation, { status: 'Exhausted', reason: 'aborted_by_receiver', attempt_count: 1 });
  });

  it.each([301, 302, 303, 307, 308])(
    'is never redirected by a %d, and the log says what to do',
    async (status) => {
      await using elsewhere = await Receiver.answering(200);
      await using receiver = await Receiver.answering(respond(status, { location: elsewhere.url }));
      const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
      const { attempts } = await delivery(operation, { status: 'Exhausted', reason: 'schedule_spent' });
      expect(attempts[0]).toMatchObject({ outcome: 'failed', http_status: status });
      expect(attempts[0].error).toMatch(/redirects are not followed/);
      expect(elsewhere.all).toHaveLength(0);
    },
  );

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Date.now() + 2_000).toUTCString()],
  ])('waits as long as Retry-After asks in %s', async (_, header) => {
    await using receiver = await Receiver.answering(
      (response) => response.writeHead(429, { 'retry-after': header() }).end(),
      200,
    );
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const [first, second] = await receiver.received(2);
    const { attempts } = await delivery(operation, { status: 'Delivered' });
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(900);
    expect(attempts[0].retry_after_s).toBeGreaterThanOrEqual(1);
    expect(Date.parse(attempts[0].next_attempt_at) - first!.at).toBeGreaterThanOrEqual(900);
  });

  it.each(['9999999999', 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    'is kept waiting for an hour at most by Retry-After: %s',
    async (header) => {
      await using receiver = await Receiver.answering(respond(503, { 'retry-after': header }));
      const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
      const waiting = await delivery(operation, {
        status: 'Pending',
        attempts: [{ outcome: 'failed', http_status: 503 }],
      });
      const aheadS = (Date.parse(waiting.next_attempt_at) - Date.now()) / 1000;
      expect(aheadS).toBeGreaterThan(3_500);
      expect(aheadS).toBeLessThanOrEqual(3_600);
    },
  );

  it('is logged readably whatever the receiver answers', async () => {
    const odd = { 'x-odd': '\\u0000 "\\', 'x-latin': 'f\u00fcr', 'x-json': '{"a":1}' };
    await using receiver = await Receiver.answering((response) =>
      response.writeHead(299, odd).end(Buffer.from([0xff, 0, 0x61, 0xc3])),
    );
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Delivered' });
    expect(attempts[0].response_headers).toMatchObject(odd);
    expect(attempts[0].response_body).toBe('\ufffd\ufffda\ufffd');
  });

  it('keeps the first 16 KiB of what the receiver answers', async () => {
    await using receiver = await Receiver.answering(respond(200, {}, 'x'.repeat(20_000)));
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Delivered' });
    expect(attempts[0]).toMatchObject({ response_body: 'x'.repeat(16_384), response_truncated: true });
  });

  it('is delivered by the head of a 2xx whose body never ends', async () => {
    await using receiver = await Receiver.answering((response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(8_192)));
      };
      pour();
      response.on('drain', pour);
    });
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Delivered', attempt_count: 1 });
    expect(attempts[0]).toMatchObject({ outcome: 'delivered', http_status: 200, response_truncated: true });
    expect(receiver.all).toHaveLength(1);
  });

  it('tells of a failure, with the error', async () => {
    await using receiver = await Receiver.answering(200);
    const operation = await client.submit({
      type: 'sleep',
      input: { seconds: 30 },
      timeout_s: 0.1,
      correlation: 'mine',
      callback: { url: receiver.url },
    });
    const [received] = await receiver.received(1);
    const event = verified(await client.signingSecret(), received!);
    expect(event).toMatchObject({
      type: 'operation.failed',
      data: {
        id: operation.id,
        status: 'Failed',
        correlation: 'mine',
        result: null,
        error: { code: 'timeout', message: expect.any(String) },
      },
    });
    expect(event.data.status_info).toBe(event.data.error.message);
    const ended = await delivery(operation, { status: 'Delivered', event: 'operation.failed' });
    expect({ ...(await client.ended(operation.id)), callback: null }).toEqual({
      ...JSON.parse(ended.body).data,
      callback: null,
    });
  });

  it.each([
    ['runs', { type: 'sleep', input: { seconds: 30 } }],
    ['waits', { type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() }],
  ])('tells of a cancel while the operation %s', async (_, submission) => {
    await using receiver = await Receiver.answering(200);
    const operation = await client.submit({ ...submission, callback: { url: receiver.url } });
    const wanted = submission.type === 'sleep' ? 'Executing' : 'Waiting';
    await expect.poll(async () => (await client.ended(operation.id, 0)).status).toBe(wanted);
    const canceled = await client.post(`/v1/operations/${operation.id}/cancel`);
    const [received] = await receiver.received(1);
    const event = verified(await client.signingSecret(), received!);
    expect(event).toMatchObject({
      type: 'operation.canceled',
      data: { status: 'Canceled', error: null, result: null },
    });
    expect({ ...canceled.body, callback: null }).toEqual({ ...event.data, callback: null });
    await delivery(operation, { status: 'Delivered', event: 'operation.canceled' });
    expect(receiver.all).toHaveLength(1);
  });

  it('is sent thin when its body is over 256 KiB, and links to the result', async () => {
    await using receiver = await Receiver.answering(200);
    const input = { text: 'ü'.repeat(140_000) };
    const operation = await client.submit({ type: 'echo', input, callback: { url: receiver.url } });
    const [received] = await receiver.received(1);
    const event = verified(await client.signingSecret(), received!);
    expect(Buffer.byteLength(received!.body)).toBeLessThan(2_048);
    expect(event.data).toMatchObject({ id: operation.id, status: 'Finished', result: null });
    const result = await fetch(event.data.links.result, {
      headers: { authorization: `Bearer ${client.key}` },
    });
    expect(await result.json()).toEqual(input);
    expect((await client.ended(operation.id)).result).toEqual(input);
  });

  it('is sent whole when its body is just under 256 KiB', async () => {
    await using receiver = await Receiver.answering(200);
    const input = 'x'.repeat(255 * 1024);
    await client.submit({ type: 'echo', input, callback: { url: receiver.url } });
    const [received] = await receiver.received(1);
    expect(verified(await client.signingSecret(), received!).data.result).toBe(input);
  });

  it('shows the log page by page, filtered by status, operation and time', async () => {
    client = await app.account('logs');
    await using receiver = await Receiver.answering(200, 200, 410);
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
      ids.push((await delivery(operation, { status: count < 2 ? 'Delivered' : 'Exhausted' })).id);
    }
    const list = async (query: string): Promise<any> => (await client.get(`/v1/deliveries${query}`)).body;
    const idsOf = ({ data }: { data: { id: string }[] }): string[] => data.map(({ id }) => id);
    const first = await list('?limit=2');
    const second = await list(`?limit=2&cursor=${first.next_cursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(ids);
    expect(second.next_cursor).toBeNull();
    expect(idsOf(await list('?status=Exhausted'))).toEqual([ids[2]]);
    expect(idsOf(await list(`?operation=${first.data[1].operation_id}`))).toEqual([ids[1]]);
    expect(idsOf(await list(`?until=${first.data[1].created_at}`))).toEqual([ids[0]]);
    expect(idsOf(await list(`?since=${second.data[0].created_at}`))).toEqual([ids[2]]);
    expect(idsOf(await list(`?endpoint=ep_${'0'.repeat(32)}`))).toEqual([]);
    expect(idsOf(await list(`?operation=${'0'.repeat(32)}`))).toEqual([]);
    expect(first.data[0]).not.toHaveProperty('body');
    client = app.client;
  });
});

describe('a signing secret', () => {
  use();

  it('that was rotated co-signs until its overlap has passed', async () => {
    await using receiver = await Receiver.answering(200);
    const old = await client.signingSecret();
    const fresh = (await client.post('/v1/signing-secret/rotate')).body.secret;
    expect(fresh).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await client.signingSecret()).toBe(fresh);
    await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const [first] = await receiver.received(1);
    expect(signatures(first!)).toHaveLength(2);
    expect(verified(old, first!)).toEqual(verified(fresh, first!));
    const newest = (await client.post('/v1/signing-secret/rotate', { overlap_s: 0 })).body.secret;
    await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const [, second] = await receiver.received(2);
    // An overlap bounds all older ones: the first secret had most of its day left.
    expect(signatures(second!)).toHaveLength(1);
    verified(newest, second!);
    for (const ended of [old, fresh]) expect(() => verified(ended, second!)).toThrow(/No matching signature/);
  });

  it('signs the retries of what was owed before it', async () => {
    const gate = new Gate();
    await using receiver = await Receiver.answering(gate.hold, 200);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    const { secret } = (await client.post('/v1/signing-secret/rotate', { overlap_s: 0 })).body;
    gate.open(500);
    const [first, second] = await receiver.received(2);
    expect(() => verified(secret, first!)).toThrow(/No matching signature/);
    verified(secret, second!);
    expect(second!.body).toBe(first!.body);
    await delivery(operation, { status: 'Delivered' });
  });

  it('of one account does not sign the callbacks of another', async () => {
    await using receiver = await Receiver.answering(200);
    const other = await app.account('signs');
    await other.submit({ type: 'echo', callback: { url: receiver.url } });
    const [received] = await receiver.received(1);
    verified(await other.signingSecret(), received!);
    const foreign = await client.signingSecret();
    expect(() => verified(foreign, received!)).toThrow(/No matching signature/);
  });

  it('is encrypted in the database, as callback headers are', async () => {
    const operation = await client.submit({
      type: 'sleep',
      input: { seconds: 30 },
      callback: { url: await deadUrl(), headers: [{ key: 'X-Token', value: 'plain-header-value' }] },
    });
    const rotated = (await client.post('/v1/signing-secret/rotate')).body.secret;
    await client.post(`/v1/operations/${operation.id}/cancel`);
    await delivery(operation, { status: 'Exhausted' });
    const stored = await everyRow(app.databaseUrl);
    expect(stored).toContain(operation.id);
    expect(stored).not.toContain('plain-header-value');
    expect(stored).not.toContain('X-Token');
    expect(stored).not.toContain('whsec_');
    expect(stored).not.toContain(rotated.slice(6));
  });
});

describe('a callback whose next attempt is far', () => {
  use({ deliveries: { schedule: [3_600, 0.05] } });

  it('is shown as Pending with the time of its next attempt, while its operation is Finished', async () => {
    const operation = await client.submit({ type: 'echo', callback: { url: await deadUrl() } });
    const { next_attempt_at, attempts } = await delivery(operation, {
      status: 'Pending',
      attempts: [{ outcome: 'failed' }],
    });
    expect(attempts[0].next_attempt_at).toBe(next_attempt_at);
    const aheadS = (Date.parse(next_attempt_at) - Date.parse(attempts[0].started_at)) / 1000;
    expect(aheadS).toBeGreaterThan(3_600 * 0.8 - 1);
    expect(aheadS).toBeLessThan(3_600 * 1.2 + 5);
    expect(await client.ended(operation.id)).toMatchObject({
      status: 'Finished',
      callback: { state: 'Pending' },
    });
    const { body } = await client.get('/v1/operations?undelivered=true');
    expect(body.data.map(({ id }: { id: string }) => id)).toContain(operation.id);
  });

  it('goes on with its schedule after a redelivery by hand', async () => {
    const url = await deadUrl();
    const operation = await client.submit({ type: 'echo', callback: { url } });
    const before = await delivery(operation, { status: 'Pending', attempts: [{ outcome: 'failed' }] });
    const redelivered = await client.post(`/v1/deliveries/${before.id}/redeliver`);
    expect(redelivered.status).toBe(202);
    const after = await delivery(operation, {
      status: 'Pending',
      attempts: [{}, { outcome: 'failed', trigger: 'manual' }],
    });
    expect(Math.abs(Date.parse(after.next_attempt_at) - Date.parse(before.next_attempt_at))).toBeLessThan(
      2_000,
    );
  });

  it('is delivered at once by a redelivery by hand', async () => {
    await using receiver = await Receiver.answering(500, 200);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { id } = await delivery(operation, { status: 'Pending', attempts: [{ outcome: 'failed' }] });
    await client.post(`/v1/deliveries/${id}/redeliver`);
    await delivery(operation, { status: 'Delivered', attempt_count: 2, next_attempt_at: null });
  });

  it('can be canceled while it waits', async () => {
    const operation = await client.submit({ type: 'echo', callback: { url: await deadUrl() } });
    const { id } = await delivery(operation, { status: 'Pending', attempts: [{ outcome: 'failed' }] });
    await client.post(`/v1/deliveries/${id}/cancel`);
    await delivery(operation, {
      status: 'Canceled',
      reason: 'canceled',
      next_attempt_at: null,
      attempts: [{ outcome: 'failed' }],
    });
  });
});

describe('a schedule with a redelivery by hand in it', () => {
  use({ deliveries: { schedule: [2, 0.05] } });

  it('makes all of its own attempts, each at its time', async () => {
    await using receiver = await Receiver.answering(500);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { id, next_attempt_at } = await delivery(operation, {
      status: 'Pending',
      attempts: [{ outcome: 'failed' }],
    });
    await client.post(`/v1/deliveries/${id}/redeliver`);
    const { attempts } = await delivery(operation, { status: 'Exhausted', attempt_count: 4 });
    expect(attempts.map(({ trigger }: { trigger: string }) => trigger)).toEqual([
      'schedule',
      'manual',
      'schedule',
      'schedule',
    ]);
    expect(Date.parse(attempts[2].started_at)).toBeGreaterThanOrEqual(Date.parse(next_attempt_at));
    expect(new Set(receiver.all.map(({ body }) => body)).size).toBe(1);
  });
});

describe('a receiver that is slow', () => {
  use({ deliveries: { timeoutS: 20, leaseS: 30 } });

  it('delays no other receiver', async () => {
    const gate = new Gate();
    await using slow = await Receiver.answering(200, gate.hold);
    // An origin that has never answered 2xx may have less in flight.
    const first = await client.submit({ type: 'echo', callback: { url: slow.url } });
    await delivery(first, { status: 'Delivered' });
    await using healthy = await Receiver.answering(200);
    const submissions = Array.from({ length: 15 }, () =>
      client.submit({ type: 'echo', callback: { url: slow.url } }),
    );
    const stuck = await Promise.all(submissions);
    await slow.received(11);
    const operation = await client.submit({ type: 'echo', callback: { url: healthy.url } });
    await delivery(operation, { status: 'Delivered' });
    expect(slow.all).toHaveLength(11);
    expect(gate.held).toHaveLength(10);
    slow.answer(200);
    gate.open(200);
    for (const held of stuck) await delivery(held, { status: 'Delivered', attempt_count: 1 });
  });
});

describe('a receiver that hangs', () => {
  use({ deliveries: { timeoutS: 1, schedule: [3_600] } });

  it('is given up after the timeout', async () => {
    await using receiver = await Receiver.answering(() => undefined);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Pending', attempts: [{ outcome: 'failed' }] });
    expect(attempts[0]).toMatchObject({
      http_status: null,
      error: expect.stringMatching(/^response_timeout: /),
    });
    expect(attempts[0].duration_ms).toBeGreaterThanOrEqual(900);
  });

  it('after a 2xx head has taken the callback, and is cut off', async () => {
    await using receiver = await Receiver.answering((response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('thank');
    });
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Delivered', attempt_count: 1 });
    expect(attempts[0]).toMatchObject({
      outcome: 'delivered',
      response_body: 'thank',
      response_truncated: true,
    });
  });

  it('after the head of a 500 is a failure', async () => {
    await using receiver = await Receiver.answering((response) => {
      response.writeHead(500);
      response.write('sorry');
    });
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { attempts } = await delivery(operation, { status: 'Pending', attempts: [{ outcome: 'failed' }] });
    expect(attempts[0]).toMatchObject({ http_status: 500, response_body: 'sorry', response_truncated: true });
  });
});

describe('an origin that may have two requests in flight', () => {
  use({ deliveries: { originInFlight: 2, schedule: [0.05, 0.05, 0.05, 0.05] } });

  it('never sees a third at once, retries included', async () => {
    let inFlight = 0;
    let most = 0;
    let count = 0;
    const slowly: Answer = (response) => {
      most = Math.max(most, ++inFlight);
      const status = ++count % 3 === 0 ? 500 : 200;
      setTimeout(() => {
        inFlight--;
        response.writeHead(status).end();
      }, 30);
    };
    await using receiver = await Receiver.answering(slowly);
    const operations = await Promise.all(
      Array.from({ length: 20 }, () => client.submit({ type: 'echo', callback: { url: receiver.url } })),
    );
    for (const operation of operations) await delivery(operation, { status: 'Delivered' });
    expect(most).toBe(2);
    expect(receiver.all.length).toBeGreaterThan(20);
  });
});

describe('a delivery whose worker goes silent', () => {
  // Looks are further apart than a third of the lease, unless the lease itself says how often they are.
  use({ deliveries: { schedule: [0.05], timeoutS: 1, leaseS: 2, pollMs: 900 } });

  const loseWorker = (of: { request_id: string }, also = ''): Promise<unknown> =>
    rowsOf(
      app.databaseUrl,
      `UPDATE live_delivery SET lease_token = gen_random_uuid(), look_at = now(), due_at = now() ${also} WHERE operation_id = $1`,
      [of.request_id],
    );

  it('uses up no step of its schedule, and is attempted again once the lease is over', async () => {
    await using receiver = await Receiver.answering(
      () => undefined,
      () => undefined,
      500,
      200,
    );
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    for (const attempts of [1, 2]) {
      await receiver.received(attempts);
      await loseWorker(operation);
    }
    const { attempts } = await delivery(operation, { status: 'Delivered' });
    expect(attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      'unknown',
      'unknown',
      'failed',
      'delivered',
    ]);
  });

  it('again and again is given up in the end', async () => {
    await using receiver = await Receiver.answering(() => undefined);
    const operation = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    await loseWorker(operation, ', attempt_count = 27, schedule_step = 2');
    await delivery(operation, { status: 'Exhausted', reason: 'schedule_spent', attempt_count: 28 });
    expect(receiver.all).toHaveLength(1);
  });
});
