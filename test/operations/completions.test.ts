import { createHmac } from 'node:crypto';
import { Module } from '@nestjs/common';
import { validateWebhook } from 'replicate';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import { Database } from '../../src/database/database.js';
import { DUE_AWAITING } from '../../src/operations/await/awaiting.store.js';
import type { CompletionOffer } from '../../src/operations/await/completion-offers.js';
import type { OperationContext } from '../../src/operations/run/operation-context.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/operations/run/operation-type.js';
import { signStandard } from '../../src/signing/signature.js';
import { App, TEST_KEY } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';
import { everyRow } from '../support/rows.js';

interface Asked {
  readonly timeoutS?: number;
  /** Return only once the test says so. */
  readonly held?: boolean;
  readonly tokens?: number;
  readonly failFirst?: boolean;
}

@OperationType<Asked>({ name: 'test.reviewed', title: 'Be reviewed by somebody', backoffS: [0.01] })
class ReviewedHandler implements OperationHandler<Asked> {
  offers: CompletionOffer[] = [];
  runs = 0;
  letGo = (): void => undefined;

  async run(input: Asked | null, context: OperationContext): Promise<OperationOutcome> {
    this.runs++;
    const { timeoutS, held = false, tokens = 1, failFirst = false } = input ?? {};
    for (let made = 0; made < tokens; made++)
      this.offers.push(await context.completion(timeoutS === undefined ? {} : { timeoutS }));
    if (failFirst && context.attempt === 1) throw new Error('not yet');
    context.progress(5, 'Waits for a reviewer');
    if (held) await new Promise<void>((resolve) => (this.letGo = resolve));
    return context.untilCompleted();
  }

  async offered(count = 1): Promise<CompletionOffer[]> {
    await vi.waitUntil(() => this.offers.length === count, { timeout: 10_000, interval: 20 });
    return this.offers.splice(0);
  }
}

@OperationType({ name: 'test.tokenless', title: 'Wait for a completion that nobody can give' })
class TokenlessHandler implements OperationHandler {
  async run(_: unknown, context: OperationContext): Promise<OperationOutcome> {
    return context.untilCompleted();
  }
}

@Module({ providers: [ReviewedHandler, TokenlessHandler] })
class CompletionsModule {}

let app: App;
let reviewed: ReviewedHandler;
beforeAll(async () => {
  app = await App.start({}, [CompletionsModule]);
  reviewed = app.nest.get(ReviewedHandler);
});
afterAll(() => app[Symbol.asyncDispose]());

const phaseOf = async (id: string): Promise<unknown> => {
  const [row] = await rowsOf<{ phase: string }>(
    app.databaseUrl,
    `SELECT phase FROM operation_view WHERE rid = $1`,
    [id],
  );
  return row!.phase;
};
/** POSTs to a completion URL, without any API key. */
const complete = (url: string, body: unknown, headers?: Record<string, string>): Promise<Answer> => {
  const { pathname, search } = new URL(url);
  return app.client.withKey('').post(pathname + search, body, headers);
};

it('what takes nothing but options needs no input', async () => {
  const { body } = await app.client.post('/v1/operations', { type: 'external' });
  expect(body.completion_url).toMatch(/\/v1\/completions\/rbc_/);
  expect((await complete(body.completion_url, { status: 'finished' })).status).toBe(200);
});

it('a completion URL that is opened says what it is for', async () => {
  const { body } = await app.client.post('/v1/operations', { type: 'external' });
  const { pathname } = new URL(body.completion_url);
  for (const method of ['GET', 'PUT']) {
    const answer = await app.client.withKey('').request(method, pathname, method === 'PUT' ? {} : undefined);
    expect([answer.status, answer.headers.get('allow'), answer.body]).toEqual([
      405,
      'POST',
      expect.objectContaining({ code: 'method-not-allowed', detail: 'POST the end here' }),
    ]);
  }
  expect((await complete(body.completion_url, { status: 'finished' })).status).toBe(200);
});

describe('an operation whose handler waits for a completion', () => {
  it('is ended by what PostgreSQL has no characters for, and heartbeats may have it', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    const [offer] = await reviewed.offered();
    const running = await complete(offer!.url, { status: 'running', progress: 5, text: 'a\0b' });
    expect(running.status, running.text).toBe(200);
    const error = { code: 'x\0', message: 'a\0b' };
    const answer = await complete(offer!.url, { status: 'failed', error });
    expect(answer.status, answer.text).toBe(200);
    expect(await app.client.ended(id)).toMatchObject({
      status: 'Failed',
      error: { code: 'x\ufffd', message: 'a\ufffdb' },
    });
  });

  it('is ended by whoever has its token, and calls back', async () => {
    await using receiver = await Receiver.answering(200);
    const { id } = await app.client.submit({ type: 'test.reviewed', callback: { url: receiver.url } });
    const [offer] = await reviewed.offered();
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    const answer = await complete(offer!.url, {
      status: 'finished',
      result: { approved: true },
      custom: [1],
    });
    expect([answer.status, answer.body]).toEqual([200, { status: 'finished' }]);
    expect(await app.client.ended(id, 0)).toMatchObject({
      status: 'Finished',
      progress: 100,
      attempt: 1,
      result: { approved: true },
      custom: [1],
    });
    const [post] = await receiver.received(1);
    expect(verify(await app.client.signingSecret(), post!).data).toMatchObject({ id, status: 'Finished' });
    // What it ends with is in one place only.
    await expect
      .poll(() => rowsOf(app.databaseUrl, 'SELECT given FROM completion WHERE given IS NOT NULL'))
      .toEqual([]);
  });

  it('fails as its token says, for good', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    const [offer] = await reviewed.offered();
    const client = new RingbackClient({ url: app.client.url, apiKey: null });
    await client.complete(offer!.url, {
      status: 'failed',
      error: { code: 'rejected', message: 'Two typos' },
    });
    expect(await app.client.ended(id)).toMatchObject({
      status: 'Failed',
      error: { code: 'rejected', message: 'Two typos' },
    });
    await expect(client.complete(offer!.url, { status: 'finished' })).rejects.toMatchObject({
      status: 409,
      code: 'already-completed',
    });
  });

  it('keeps a completion that comes before its handler has returned', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed', input: { held: true } });
    const [offer] = await reviewed.offered();
    expect((await complete(offer!.url, { status: 'finished', result: 'early' })).status).toBe(200);
    expect((await app.client.ended(id, 0)).status).toBe('Executing');
    reviewed.letGo();
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', result: 'early' });
  });

  it('is told how far it is by a token, and shows it live', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    const [offer] = await reviewed.offered();
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    const told = await complete(offer!.url, { status: 'running', progress: 40, text: 'Page 5 of 12' });
    expect([told.status, told.body]).toEqual([200, { status: 'running' }]);
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      status: 'Executing',
      progress: 40,
      status_text: 'Page 5 of 12',
    });
    await complete(offer!.url, { status: 'running', progress: 50 });
    const { body: history } = await app.client.get(`/v1/operations/${id}/history`);
    expect(history.data.slice(-2)).toMatchObject([
      { kind: 'progress', progress: 40, text: 'Page 5 of 12' },
      { kind: 'progress', progress: 50, text: 'Page 5 of 12' },
    ]);
    await complete(offer!.url, { status: 'finished' });
    const late = await complete(offer!.url, { status: 'running', progress: 60 });
    expect([late.status, late.body.code]).toEqual([409, 'already-completed']);
  });

  it('is ended once: the same again is answered the same, and anything else is refused', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed', input: { tokens: 2 } });
    const [first, second] = await reviewed.offered(2);
    const body = { status: 'finished', result: 1 };
    const answers = await Promise.all([1, 2, 3].map(() => complete(first!.url, body)));
    expect(answers.map(({ status, body: said }) => [status, said])).toEqual(
      [1, 2, 3].map(() => [200, { status: 'finished' }]),
    );
    for (const [url, other] of [
      [first!.url, { status: 'finished', result: 2 }],
      [first!.url, { status: 'failed', error: { code: 'a', message: 'b' } }],
      [second!.url, body],
    ] as const) {
      const refused = await complete(url, other);
      expect([refused.status, refused.body.code]).toEqual([409, 'already-completed']);
    }
    await app.client.ended(id);
    expect((await complete(first!.url, body)).status).toBe(200);
    expect((await app.client.ended(id)).result).toBe(1);
  });

  it('takes tokens of an earlier attempt, until one has ended it', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed', input: { failFirst: true } });
    const [first] = await reviewed.offered(2);
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    await complete(first!.url, { status: 'finished', result: 'by the first' });
    expect(await app.client.ended(id)).toMatchObject({ attempt: 2, result: 'by the first' });
  });

  it('fails with timeout when nobody completes it in time, and its token has expired then', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed', input: { timeoutS: 0.3 } });
    const [offer] = await reviewed.offered();
    expect(await app.client.ended(id)).toMatchObject({ status: 'Failed', error: { code: 'timeout' } });
    const late = await complete(offer!.url, { status: 'finished' });
    expect([late.status, late.body]).toEqual([
      410,
      expect.objectContaining({ code: 'token-expired', detail: expect.stringContaining('expired') }),
    ]);
    // What the caller allows counts, too.
    const short = await app.client.submit({
      type: 'test.reviewed',
      input: { timeoutS: 600 },
      timeout_s: 0.3,
    });
    expect((await app.client.ended(short.id)).error).toMatchObject({ code: 'timeout' });
    reviewed.offers.length = 0;
  });

  it('is Canceled at once, and its token is told that it has ended', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    const [offer] = await reviewed.offered();
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    expect((await app.client.post(`/v1/operations/${id}/cancel`)).body.status).toBe('Canceled');
    const late = await complete(offer!.url, { status: 'finished' });
    expect([late.status, late.body.code]).toEqual([409, 'operation-ended']);
  });

  it('ends as it was completed, also where whoever took the completion died before it had ended it', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    await reviewed.offered();
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    await rowsOf(
      app.databaseUrl,
      `WITH given AS (UPDATE completion SET digest = 'x', given = '{"status":"finished","result":"7","custom":null,"file":null}' WHERE operation_rid = $1 RETURNING operation_id)
       UPDATE live_operation SET lease_token = gen_random_uuid(), look_at = now(), due_at = now() FROM given WHERE request_id = operation_id`,
      [id],
    );
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', result: 7 });
  });

  it('waits on where somebody was about to end it and died', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    const [offer] = await reviewed.offered();
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET lease_token = gen_random_uuid(), look_at = now(), due_at = now() WHERE request_id = (SELECT request_id FROM operation WHERE rid = $1)`,
      [id],
    );
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
    await complete(offer!.url, { status: 'finished', result: 'late' });
    expect((await app.client.ended(id)).result).toBe('late');
  });

  it('ends as it was completed, also where its last try killed its worker', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed', input: { held: true } });
    const [offer] = await reviewed.offered();
    await complete(offer!.url, { status: 'finished', result: 'kept' });
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET tries = attempt, look_at = now(), due_at = now() WHERE request_id = (SELECT request_id FROM operation WHERE rid = $1)`,
      [id],
    );
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', result: 'kept' });
    reviewed.letGo();
  });

  it('that is erased has no token any more', async () => {
    const { id, completion_url: url } = await app.client.submit({ type: 'external', input: {} });
    await complete(url, { status: 'finished' });
    await app.client.ended(id);
    await app.client.request('DELETE', `/v1/operations/${id}`);
    expect((await complete(url, { status: 'finished' })).body.code).toBe('unknown-token');
    expect(await rowsOf(app.databaseUrl, 'SELECT FROM completion WHERE operation_rid = $1', [id])).toEqual(
      [],
    );
  });

  it('that can never be completed fails, and says what is missing', async () => {
    const { id } = await app.client.submit({ type: 'test.tokenless' });
    expect((await app.client.ended(id)).error).toMatchObject({ code: 'no_completion_token' });
  });

  it('has a file of its account for its result, and no other', async () => {
    const { id } = await app.client.submit({ type: 'test.reviewed' });
    const [offer] = await reviewed.offered();
    const refused = await complete(offer!.url, { status: 'finished', file: `file_${'0'.repeat(32)}` });
    expect([refused.status, refused.body.errors[0].path]).toEqual([422, 'file']);
    const { body: file } = await app.client.request(
      'POST',
      '/v1/files?name=a.txt',
      new TextEncoder().encode('hello'),
      {
        'content-type': 'text/plain',
      },
    );
    expect((await complete(offer!.url, { status: 'finished', file: file.id })).status).toBe(200);
    expect((await app.client.ended(id)).file).toBe(file.id);
    expect((await app.client.get(`/v1/operations/${id}/result`)).text).toBe('hello');
  });
});

describe('an external operation', () => {
  it('is given a completion URL with the answer to its submit, once', async () => {
    const submitted = await app.client.submit({
      type: 'external',
      input: { timeout_s: 60, note: 'A human looks' },
    });
    expect(submitted.completion_url).toMatch(/^http:.*\/v1\/completions\/rbc_[\w-]{43}$/);
    await expect.poll(() => phaseOf(submitted.id)).toBe('awaiting');
    const { body: seen } = await app.client.get(`/v1/operations/${submitted.id}`);
    expect(seen).toMatchObject({ status: 'Executing', status_text: 'A human looks' });
    expect(seen).not.toHaveProperty('completion_url');
    await complete(submitted.completion_url, { status: 'finished', result: 1 });
    expect((await app.client.ended(submitted.id)).status).toBe('Finished');
    const token = submitted.completion_url.split('/').at(-1);
    expect(await everyRow(app.databaseUrl)).not.toContain(token);
  });

  it('is given one in a batch, by a rerun, and again where the first answer was lost', async () => {
    const operation = { type: 'external', input: { timeout_s: 60 } };
    const { body: batch } = await app.client.post('/v1/operations/batch', {
      operations: [operation, { type: 'echo' }],
    });
    expect(batch.data.map(({ operation: one }: any) => typeof one.completion_url)).toEqual([
      'string',
      'undefined',
    ]);
    const key = { 'idempotency-key': 'external 1' };
    const first = await app.client.submit(operation, key);
    const again = await app.client.submit(operation, key);
    expect(again.id).toBe(first.id);
    expect(again.completion_url).not.toBe(first.completion_url);
    await complete(again.completion_url, { status: 'finished', result: 'by the second' });
    expect((await app.client.ended(first.id)).result).toBe('by the second');
    expect(await app.client.submit(operation, key)).not.toHaveProperty('completion_url');
    const { body: rerun } = await app.client.post(`/v1/operations/${first.id}/rerun`);
    await complete(rerun.completion_url, { status: 'finished' });
    expect((await app.client.ended(rerun.id)).status).toBe('Finished');
  });

  it('that is completed while it waits for a slot ends as soon as it has one', async () => {
    const account = await app.account('narrow', 1);
    const holding = await account.submit({ type: 'external', input: { timeout_s: 60 } });
    const waiting = await account.submit({ type: 'external', input: { timeout_s: 60 } });
    await expect.poll(() => phaseOf(holding.id)).toBe('awaiting');
    expect((await complete(waiting.completion_url, { status: 'finished', result: 'early' })).status).toBe(
      200,
    );
    expect((await account.ended(waiting.id, 0)).status).toBe('Waiting');
    await complete(holding.completion_url, { status: 'finished' });
    expect(await account.ended(waiting.id)).toMatchObject({ status: 'Finished', result: 'early' });
  });

  it('fails in its time', async () => {
    const { id } = await app.client.submit({ type: 'external', input: { timeout_s: 0.2 } });
    expect((await app.client.ended(id)).error).toMatchObject({ code: 'timeout' });
  });

  it.each([
    [{ timeout_s: 0 }, 'input.timeout_s'],
    [{ timeout_s: 40_000_000 }, 'input.timeout_s'],
    [{ note: 7 }, 'input.note'],
    [{ verify: { profile: 'paypal', secret: 'x' } }, 'input.verify.profile'],
    [{ verify: { profile: 'standard', secret: 'no secret' } }, 'input.verify.secret'],
    [{ verify: { profile: 'github' } }, 'input.verify.secret'],
    [{ more: 1 }, 'input.more'],
  ])('is refused with the input %j', async (input, path) => {
    const { status, body } = await app.client.post('/v1/operations', { type: 'external', input });
    expect([status, body.errors?.[0]?.path]).toEqual([422, path]);
  });

  it('is run again by itself, not in bulk, where nobody would be told its URL', async () => {
    const { id } = await app.client.submit({
      type: 'external',
      input: { timeout_s: 0.01 },
      correlation: 'bulk',
    });
    await app.client.ended(id);
    const { body: bulk } = await app.client.post('/v1/operations/bulk', {
      action: 'rerun',
      filter: { correlation: 'bulk' },
    });
    expect((await app.client.ended(bulk.id)).result).toMatchObject({ done: 0, skipped: 1 });
  });
});

describe('a completion token', () => {
  const path = (token: string): string => `http://x/v1/completions/${token}`;
  let offer: CompletionOffer;
  let id: string;
  beforeAll(async () => {
    ({ id } = await app.client.submit({ type: 'test.reviewed' }));
    [offer] = (await reviewed.offered()) as [CompletionOffer];
  });

  it('that is malformed or unknown ends nothing, and tells nothing', async () => {
    const done = { status: 'finished' };
    for (const token of ['x', 'rbc_short', id, `${offer.token}x`, TEST_KEY]) {
      const { status, body } = await complete(path(token), done);
      expect([status, body.code]).toEqual([400, 'malformed-token']);
    }
    const { status, body } = await complete(path(`rbc_${'A'.repeat(43)}`), done);
    expect([status, body.code]).toEqual([404, 'unknown-token']);
    await expect.poll(() => phaseOf(id)).toBe('awaiting');
  });

  it('is needed in the URL, whatever API key is sent, and opens nothing else', async () => {
    expect((await app.client.post('/v1/completions', { status: 'finished' })).status).toBe(404);
    const { status } = await app.client.withKey(offer.token).get(`/v1/operations/${id}`);
    expect(status).toBe(401);
  });

  it.each<[unknown, number, string]>([
    ['{', 400, 'body'],
    ['', 400, 'body'],
    ['[1]', 422, 'body'],
    [{}, 422, 'status'],
    [{ status: 'done' }, 422, 'status'],
    [{ status: 'finished', results: 1 }, 422, 'results'],
    [{ status: 'finished', error: { code: 'a', message: 'b' } }, 422, 'error'],
    [{ status: 'finished', progress: 3 }, 422, 'progress'],
    [{ status: 'finished', file: 3 }, 422, 'file'],
    [{ status: 'failed' }, 422, 'error'],
    [{ status: 'failed', error: { code: '', message: 'b' } }, 422, 'error.code'],
    [{ status: 'running', progress: 101 }, 422, 'progress'],
    [{ status: 'running', text: 7 }, 422, 'text'],
    ['{"status":"running","text":"\\ud800"}', 400, 'text'],
    ['{"status":"finished","result":{"__proto__":1}}', 400, 'result.__proto__'],
  ])('with the body %j is refused, and the field named', async (body, status, field) => {
    const answer = await complete(offer.url, body);
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([status, field]);
  });

  it('takes 1 MiB, and no more', async () => {
    const { status, body } = await complete(offer.url, {
      status: 'finished',
      result: 'x'.repeat(1024 * 1024),
    });
    expect([status, body.code]).toEqual([413, 'body-too-large']);
    expect((await complete(`${offer.url}?as=text`, {})).status).toBe(400);
  });

  it('may be used some times a second', async () => {
    const { completion_url: url } = await app.client.submit({ type: 'external', input: {} });
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 100)
      statuses.push((await complete(url, { status: 'running', progress: 1 })).status);
    expect(statuses.length).toBeGreaterThan(15);
    expect(statuses.at(-1)).toBe(429);
  });

  it.each([
    ['application/json', '{"a":[1]}', { a: [1] }],
    ['application/cloudevents+json', '{"a":1}', { a: 1 }],
    ['text/plain', 'all done', 'all done'],
    ['application/x-www-form-urlencoded', 'a=1&b=2', 'a=1&b=2'],
    ['multipart/form-data; boundary=x', '--x--', '--x--'],
    ['application/octet-stream', '', null],
    [
      'application/json',
      String.raw`{"text":"Great news \ud83d","\udc00":["\\ud83d","\ud83d\ude00"]}`,
      { text: 'Great news \ufffd', '\ufffd': [String.raw`\ud83d`, '😀'] },
    ],
  ])('with ?as=result takes the body of another system as it is: %s', async (type, body, result) => {
    const { id: one, completion_url: url } = await app.client.submit({ type: 'external', input: {} });
    const sent = await complete(`${url}?as=result`, body, { 'content-type': type });
    expect([sent.status, sent.body]).toEqual([200, { status: 'finished' }]);
    expect(await app.client.ended(one)).toMatchObject({ status: 'Finished', result });
  });

  it('with ?as=result refuses what is no text', async () => {
    const { completion_url: url } = await app.client.submit({ type: 'external', input: {} });
    const bytes = new Uint8Array([0xff, 0xfe, 0x00]);
    expect((await complete(`${url}?as=result`, bytes, { 'content-type': 'image/png' })).status).toBe(400);
    expect((await complete(`${url}?as=result`, '{', { 'content-type': 'application/json' })).status).toBe(
      400,
    );
  });
});

describe('a webhook of another service', () => {
  it('signed as Replicate signs, ends an operation whose callback is verified as any of Standard Webhooks', async () => {
    await using receiver = await Receiver.answering(200);
    const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
    const { id, completion_url: url } = await app.client.submit({
      type: 'external',
      input: { timeout_s: 60, note: 'A prediction runs', verify: { profile: 'replicate', secret } },
      callback: { url: receiver.url },
    });
    const body = JSON.stringify({
      id: 'gm3qorzdhgbfurvjtvhg6dckhu',
      status: 'succeeded',
      output: ['https://x/a.png'],
    });
    const at = new Date();
    const signed = {
      id: 'msg_2Lh9KRb0pzN4LePd3XiA4v12Axj',
      timestamp: String(Math.floor(at.getTime() / 1000)),
      signature: new SvixWebhook(secret).sign('msg_2Lh9KRb0pzN4LePd3XiA4v12Axj', at, body),
    };
    expect(await validateWebhook({ ...signed, body, secret })).toBe(true);
    const headers = Object.fromEntries(
      Object.entries(signed).map(([name, value]) => [`webhook-${name}`, value]),
    );
    expect((await complete(`${url}?as=result`, body, headers)).status).toBe(200);
    const [post] = await receiver.received(1);
    const verifier = new SvixWebhook(await app.client.signingSecret());
    verifier.verify(post!.body, post!.headers as Record<string, string>);
    expect(JSON.parse(post!.body)).toMatchObject({
      type: 'operation.finished',
      data: { id, status: 'Finished', result: { status: 'succeeded', output: ['https://x/a.png'] } },
    });
  });
});

describe('many operations that wait', () => {
  it('cost no statement while nobody completes them', async () => {
    const account = await app.account('many', 10_000);
    const operations = Array.from({ length: 300 }, () => ({ type: 'external', input: { timeout_s: 3600 } }));
    await account.post('/v1/operations/batch', { operations });
    const waiting = `SELECT count(*)::integer AS count FROM operation_view WHERE phase = 'awaiting' AND account_id = (SELECT id FROM account WHERE name = 'many')`;
    await expect.poll(() => rowsOf(app.databaseUrl, waiting), { timeout: 20_000 }).toEqual([{ count: 300 }]);
    const query = vi.spyOn(Database.prototype, 'query');
    try {
      const texts = (): string[] => query.mock.calls.map(([sql]) => sql);
      const looks = (): number => texts().filter((sql) => sql.includes(DUE_AWAITING)).length;
      await expect.poll(looks, { timeout: 20_000 }).toBeGreaterThan(20);
      expect(texts().filter((sql) => /await|completion|renew/i.test(sql.replace(DUE_AWAITING, '')))).toEqual(
        [],
      );
      expect(texts().length).toBeLessThan(3 * looks());
    } finally {
      query.mockRestore();
    }
  });
});

describe('a token that takes signed webhooks only', () => {
  const secret = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;
  const submitted = (client: Client, profile: string, key = secret): Promise<any> =>
    client.submit({ type: 'external', input: { timeout_s: 60, verify: { profile, secret: key } } });
  const nowS = (): number => Math.floor(Date.now() / 1000);
  const body = '{"id":"x","status":"succeeded"}';
  const standard = (timestamp = nowS(), text = body): Record<string, string> => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signStandard({ secrets: [secret], id: 'msg_1', timestamp, body: text }),
  });
  const hmac = (text: string): string => createHmac('sha256', secret).update(text).digest('hex');

  it.each<[string, () => Record<string, string>]>([
    ['standard', standard],
    ['replicate', standard],
    ['github', () => ({ 'x-hub-signature-256': `sha256=${hmac(body)}` })],
    ['stripe', () => ({ 'stripe-signature': `t=${nowS()},v1=00,v1=${hmac(`${nowS()}.${body}`)},v0=1` })],
  ])('takes one of %s, and no unsigned one', async (profile, headers) => {
    const { id, completion_url } = await submitted(app.client, profile);
    const url = `${completion_url}?as=result`;
    const bare = await complete(url, body);
    expect([bare.status, bare.body.code]).toEqual([401, 'invalid-signature']);
    const name = Object.keys(headers()).at(-1)!;
    expect(bare.body.errors[0].message).toContain('is missing');
    const forged = await complete(url, body.replace('x', 'y'), headers());
    expect([forged.status, forged.body.errors[0].path]).toEqual([401, name]);
    expect((await complete(url, body, headers())).status).toBe(200);
    expect((await app.client.ended(id)).result).toEqual(JSON.parse(body));
    // Its sender tries again with a new time.
    expect((await complete(url, body, headers())).status).toBe(200);
  });

  it('refuses one of another time', async () => {
    const { completion_url: url } = await submitted(app.client, 'standard');
    for (const away of [-400, 400]) {
      const answer = await complete(`${url}?as=result`, body, standard(nowS() + away));
      expect([answer.status, answer.body.errors[0].path]).toEqual([401, 'webhook-timestamp']);
    }
  });

  it('never shows its secret again, and stores it sealed', async () => {
    const { id, completion_url: url } = await submitted(app.client, 'standard');
    const { body: asked } = await app.client.get(`/v1/operations/${id}/request`);
    expect(asked).toMatchObject({
      input: { timeout_s: 60, verify: { profile: 'standard' } },
      withheld: ['verify'],
    });
    expect(JSON.stringify(asked)).not.toContain(secret);
    expect(await everyRow(app.databaseUrl)).not.toContain(secret);
    await complete(`${url}?as=result`, body, standard());
    const { body: rerun } = await app.client.post(`/v1/operations/${id}/rerun`);
    expect((await complete(`${rerun.completion_url}?as=result`, body)).status).toBe(401);
    expect((await complete(`${rerun.completion_url}?as=result`, body, standard())).status).toBe(200);
  });
});
