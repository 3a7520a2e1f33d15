import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PollStore } from '../../../src/operations/poll/poll.store.js';
import { App, TEST_KEY } from '../../support/app.js';
import { rowsOf } from '../../support/database.js';
import { JobApi } from '../../support/job-api.js';
import { Receiver, verify } from '../../support/receiver.js';

let app: App;

beforeAll(async () => {
  app = await App.start({ operations: { leaseS: 3, pollMinS: 0.01, concurrency: 2 } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** The ways of the recorded APIs, where jobs are made there, and what comes of one. */
const WAYS = [
  ['azure', '/azure/things', { content_type: 'application/jsonl' }, 'It is taken (Conflict)'],
  [
    'google-lro',
    '/v1/speech:longrunningrecognize',
    { body: { done: true, response: { results: ['hello'] } } },
    'bad audio (3)',
  ],
  ['fhir', '/fhir/$export', { body: { output: [{ type: 'Patient' }] } }, 'the status URL answers 400'],
  [
    'replicate',
    '/v1/predictions',
    { body: { status: 'succeeded', output: ['https://x/out.png'] } },
    'CUDA out of memory',
  ],
  ['openai-batch', '/v1/batches', { content_type: 'application/jsonl' }, 'line 3 (invalid_json_line)'],
  ['http-202', '/exports', { content_type: 'text/csv', body: 'a,b\n1,2\n' }, 'the status URL answers 410'],
] as const;

const OFTEN = { every_s: 0.05 };
const SECRET = 'Bearer secret-of-the-caller';

const submit = (
  api: JobApi,
  path: string,
  poll: object | string,
  more: Record<string, unknown> = {},
  client = app.client,
): Promise<any> => {
  const reads = path.startsWith('/fhir');
  return client.submit({
    type: 'http.request',
    input: {
      method: reads ? 'GET' : 'POST',
      url: api.url + path,
      headers: { authorization: SECRET, prefer: 'respond-async', 'x-tenant': 't1' },
      ...(reads ? {} : { body: { a: 1 } }),
      poll,
    },
    ...more,
  });
};

const linesOf = async (id: string): Promise<string[]> =>
  (await app.client.get(`/v1/operations/${id}/history`)).body.data.map(({ text }: { text: string }) => text);

/** Of tests that run beside others, which `expect.poll` can't tell apart. */
const until = (fact: () => boolean | Promise<boolean>): Promise<unknown> =>
  vi.waitUntil(fact, { timeout: 8_000, interval: 20 });

const polled = (api: JobApi, times: number): Promise<unknown> =>
  until(() => api.jobs.size === 1 && api.job.polls.length >= times);

const forgotten = (...ids: string[]): Promise<unknown> =>
  until(
    async () =>
      (await rowsOf(app.databaseUrl, 'SELECT FROM live_poll WHERE rid = ANY ($1)', [ids])).length === 0,
  );

const resultOf = async (id: string): Promise<string> =>
  (
    await fetch(`${app.client.url}/v1/operations/${id}/result`, {
      headers: { authorization: `Bearer ${TEST_KEY}` },
    })
  ).text();

describe.concurrent('A job of another API is polled to its end:', () => {
  it.each(WAYS)('%s', async (preset, path, result) => {
    await using api = await JobApi.start();
    await using receiver = await Receiver.answering(200);
    const callback = { url: receiver.url };
    const { id } = await submit(api, `${path}?polls=4`, { preset, ...OFTEN }, { callback });
    const ended = await app.client.ended(id);
    expect(ended).toMatchObject({ status: 'Finished', progress: 100, attempt: 1, error: null, result });
    expect(ended.result).toMatchObject({ status: 200, file: ended.file });
    const [told] = await receiver.received(1);
    expect(verify(await app.client.signingSecret(), told!)).toMatchObject({ type: 'operation.finished' });
    if (preset === 'azure' || preset === 'openai-batch') expect(await resultOf(id)).toBe(api.result);
    const { job } = api;
    expect([job.polls.length, job.overlaps]).toEqual([4, 0]);
    for (const { headers } of job.polls) {
      expect(headers).toMatchObject({ authorization: SECRET, 'x-tenant': 't1' });
      expect(headers).not.toHaveProperty('prefer');
      expect(headers).not.toHaveProperty('content-type');
    }
  });

  it.each(WAYS)('%s, which fails, with the reason, and the answer kept', async (preset, path, _, reason) => {
    await using api = await JobApi.start();
    const { id } = await submit(api, `${path}?polls=1&fail=1`, { preset, ...OFTEN });
    const ended = await app.client.ended(id);
    expect(ended).toMatchObject({ status: 'Failed', result: null, error: { code: 'job_failed' } });
    expect(ended.error.message).toContain(reason);
    expect(ended.file).toMatch(/^file_/);
    expect(await resultOf(id)).toMatch(/fail|Fail|error|Outcome|gone/);
  });

  it('in a way of its own', async () => {
    await using api = await JobApi.start();
    const { id } = await submit(api, '/v1/batches?polls=2', {
      every_s: 0.05,
      until_s: 60,
      location: '/v1/batches/{json:/id}',
      status: 'json:/status',
      done: ['COMPLETED'],
      failed: ['failed'],
      progress: 'json:/request_counts/completed',
      result: '/v1/files/{json:/output_file_id}/content',
    });
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished' });
    expect(await resultOf(id)).toBe(api.result);
  });

  it('with a result larger than what is read of an answer, whole', async () => {
    await using api = await JobApi.start();
    api.result = 'x'.repeat(3_000_000);
    const { id } = await submit(api, '/v1/batches?polls=1', { preset: 'openai-batch', ...OFTEN });
    await app.client.ended(id);
    expect((await resultOf(id)) === api.result).toBe(true);
    await forgotten(id);
  });

  it('with a long last answer, whole, although it was read to its first MiB before', async () => {
    await using api = await JobApi.start();
    const long = 'y'.repeat(2_000_000);
    api.trouble = ({ path }, response) => {
      if (path !== '/jobs/1') return false;
      response.writeHead(200, { 'content-type': 'text/plain' }).end(long);
      return true;
    };
    const { id } = await submit(api, '/exports', { preset: 'http-202', ...OFTEN });
    await app.client.ended(id);
    expect((await resultOf(id)) === long).toBe(true);
  });

  it('and an answer that names no job, or is an error, is kept as without', async () => {
    await using api = await JobApi.start();
    const missing = await app.client.ended((await submit(api, '/nowhere', 'azure')).id);
    expect(missing).toMatchObject({ status: 'Finished', result: { status: 404 } });
    const none = await app.client.ended((await submit(api, '/v1/predictions', 'http-202')).id);
    expect(none).toMatchObject({ status: 'Finished', result: { status: 201 } });
    const lost = await app.client.ended((await submit(api, '/v1/predictions', 'google-lro')).id);
    expect(lost).toMatchObject({ status: 'Failed', error: { code: 'no_job' } });
    expect(await resultOf(lost.id)).toContain('starting');
  });
});

describe.concurrent('While a job runs', () => {
  it('its operation is Executing, and takes no place of a worker', async () => {
    await using api = await JobApi.start();
    const ids = [];
    for (let i = 0; i < 6; i++)
      ids.push((await submit(api, '/exports?polls=1000', { preset: 'http-202', ...OFTEN })).id);
    await until(() => [...api.jobs.values()].every(({ polls }) => polls.length > 1));
    // More than there are places.
    expect(await app.client.ended((await app.client.submit({ type: 'echo', input: 1 })).id)).toMatchObject({
      status: 'Finished',
    });
    for (const id of ids) {
      expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
        status: 'Executing',
        status_text: `The job at ${new URL(api.url).host} runs`,
      });
      await app.client.post(`/v1/operations/${id}/cancel`);
    }
  });

  it('its progress is shown as it comes, and the history has an entry of each step, however often it is polled', async () => {
    await using api = await JobApi.start();
    let [progress, told] = [10, '10% of part 1'];
    api.trouble = ({ path }, response) => {
      if (!path.startsWith('/fhir/jobs')) return false;
      api.job.polls.push(api.seen.at(-1)!);
      response.writeHead(progress === 100 ? 200 : 202, { 'x-progress': told }).end();
      return true;
    };
    const { id } = await submit(api, '/fhir/$export', { preset: 'fhir', ...OFTEN });
    const events = await fetch(`${app.client.url}/v1/operations/${id}/history`, {
      headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/event-stream' },
    });
    const stream = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    let live = '';
    const shown = async (text: string): Promise<void> => {
      while (!live.includes(text)) {
        const { value, done } = await stream.read();
        if (done) throw new Error(`the stream ended without ${text}: ${live}`);
        live += value;
      }
    };
    await shown('10% of part 1');
    await polled(api, 8);
    [progress, told] = [40, '40% of part 2'];
    await shown('40% of part 2');
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      progress: 40,
      status_text: '40% of part 2',
    });
    // Shown, and no entry: the same text with other numbers, at the same whole percent.
    told = '40.5% of part 3';
    await until(async () => (await app.client.get(`/v1/operations/${id}`)).body.status_text === told);
    [progress, told] = [100, 'all'];
    await app.client.ended(id);
    expect((await linesOf(id)).filter((text) => /% of part/.test(text))).toEqual([
      '10% of part 1',
      '40% of part 2',
    ]);
    await stream.cancel();
  });

  it('polls keep to Retry-After, in both its forms', async () => {
    await using api = await JobApi.start();
    const seconds = await submit(api, '/exports?polls=2&retry_after=1', { preset: 'http-202', ...OFTEN });
    const date = new Date(Date.now() + 3_000).toUTCString();
    const dated = await submit(api, `/exports?polls=2&retry_after=${encodeURIComponent(date)}`, {
      preset: 'http-202',
      ...OFTEN,
    });
    await Promise.all([app.client.ended(seconds.id), app.client.ended(dated.id)]);
    const [one, other] = [...api.jobs.values()];
    expect(one!.polls[1]!.at - one!.polls[0]!.at).toBeGreaterThanOrEqual(1_000);
    expect(other!.polls[1]!.at).toBeGreaterThanOrEqual(Date.parse(date));
  });

  it('answers that tell nothing of it are asked for again, and people are told why', async () => {
    await using api = await JobApi.start();
    const troubles = [404, 503, 0, 200];
    api.trouble = ({ path }, response) => {
      if (!path.startsWith('/v1/predictions/') || troubles.length === 0) return false;
      const status = troubles.shift()!;
      if (status === 0) response.destroy();
      else response.writeHead(status).end('<html>');
      return true;
    };
    const { id } = await submit(api, '/v1/predictions?polls=1', { preset: 'replicate', ...OFTEN });
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', attempt: 1 });
    expect(troubles).toEqual([]);
    expect(await linesOf(id)).toContainEqual(
      expect.stringMatching(/^No answer of the job 3 times: the connection/),
    );
  });

  it('an API that no longer knows the caller ends it, and one that wavers does not', async () => {
    await using api = await JobApi.start();
    const statuses = [401, 403, 202, 401, 401, 403];
    api.trouble = ({ path }, response) => {
      if (!path.startsWith('/jobs/')) return false;
      response.writeHead(statuses.shift() ?? 500).end('who are you');
      return true;
    };
    const { id } = await submit(api, '/exports', { preset: 'http-202', ...OFTEN });
    expect(await app.client.ended(id)).toMatchObject({
      status: 'Failed',
      error: { code: 'job_refused', message: 'the status URL answers 403, 3 times in a row' },
    });
    expect(statuses).toEqual([]);
    expect(await resultOf(id)).toBe('who are you');
  });

  it('it may take until_s, or what timeout_s leaves of that', async () => {
    await using api = await JobApi.start();
    const poll = { preset: 'http-202', ...OFTEN };
    const late = await submit(api, '/exports?polls=10000', { ...poll, until_s: 1 });
    const short = await submit(api, '/exports?polls=10000', poll, { timeout_s: 1 });
    for (const { id } of [late, short])
      expect(await app.client.ended(id)).toMatchObject({
        status: 'Failed',
        error: { code: 'timeout', message: 'the job has not ended within the time that it had' },
      });
    const polls = [...api.jobs.values()].map((job) => job.polls.length);
    await forgotten(late.id, short.id);
    expect([...api.jobs.values()].map((job) => job.polls.length - polls.shift()! < 2)).toEqual([true, true]);
  });

  it.each([
    ['google-lro', '/v1/speech:longrunningrecognize', 'POST /v1/operations/1:cancel'],
    ['fhir', '/fhir/$export', 'DELETE /fhir/jobs/1'],
    ['replicate', '/v1/predictions', 'POST /v1/predictions/1/cancel'],
    ['openai-batch', '/v1/batches', 'POST /v1/batches/batch_1/cancel?polls=10000'],
  ])('a cancel ends its operation at once, and then the job: %s', async (preset, path, request) => {
    await using api = await JobApi.start();
    const { id } = await submit(api, `${path}?polls=10000`, { preset, ...OFTEN });
    await polled(api, 1);
    expect((await app.client.post(`/v1/operations/${id}/cancel`)).body.status).toBe('Canceled');
    await until(() => api.job.canceled);
    const { method, path: called, headers } = api.seen.at(-1)!;
    expect([`${method} ${called}`, headers.authorization]).toEqual([request, SECRET]);
    await forgotten(id);
  });
});

describe.concurrent('The headers of the first request', () => {
  it('go to no other origin that the answer names', async () => {
    await using other = await JobApi.start();
    await using api = await JobApi.start();
    api.statusUrl = other.url;
    const { id } = await submit(api, '/exports', { preset: 'http-202', ...OFTEN });
    await until(() => other.seen.length > 1);
    for (const { headers } of other.seen) {
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('x-tenant');
    }
    await app.client.post(`/v1/operations/${id}/cancel`);
  });

  it('unless the caller says that it trusts that', async () => {
    await using other = await JobApi.start();
    await using api = await JobApi.start();
    api.statusUrl = other.url;
    const { id } = await submit(api, '/exports', { preset: 'http-202', ...OFTEN, origins: [other.url] });
    await until(() => other.seen.length > 0);
    expect(other.seen[0]!.headers).toMatchObject({ authorization: SECRET, 'x-tenant': 't1' });
    await app.client.post(`/v1/operations/${id}/cancel`);
  });

  it('are stored sealed, as the URL is', async () => {
    await using api = await JobApi.start();
    const { id } = await submit(api, '/v1/batches?polls=10000&api-key=of-the-query', {
      preset: 'openai-batch',
      ...OFTEN,
    });
    await polled(api, 1);
    expect(api.job.polls[0]!.path).toContain('api-key=of-the-query');
    const [row] = await rowsOf<{ row: string }>(
      app.databaseUrl,
      `SELECT concat(p, o, l) AS row FROM live_poll p JOIN operation o USING (request_id) JOIN live_operation l USING (request_id) WHERE p.rid = $1`,
      [id],
    );
    expect(row!.row).toContain('v1.k1.');
    expect(row!.row).not.toMatch(/secret-of-the-caller|of-the-query/);
    await app.client.post(`/v1/operations/${id}/cancel`);
  });
});

describe('A URL that an answer names', () => {
  it('is judged as the first one is', async () => {
    await using api = await JobApi.start();
    api.statusUrl = 'http://10.0.0.1';
    const { id } = await submit(api, '/exports', 'http-202');
    expect(await app.client.ended(id)).toMatchObject({
      status: 'Failed',
      error: {
        code: 'no_job',
        message: expect.stringMatching(/^the answer names a URL that is not called: /),
      },
    });
  });
});

describe('Many jobs', () => {
  it('are polled in few statements, over all of them and in one row each, and none twice at once', async () => {
    await using other = await App.start({
      database: { url: app.databaseUrl },
      operations: { leaseS: 3, pollMinS: 0.01 },
    });
    await using api = await JobApi.start();
    const stores = [app, other].map(({ nest }) => nest.get(PollStore));
    const calls = stores.flatMap((store) => [
      vi.spyOn(store, 'take'),
      vi.spyOn(store, 'record'),
      vi.spyOn(store, 'tell'),
    ]);
    const client = await app.account('of many jobs', 200);
    const input = {
      method: 'POST',
      url: `${api.url}/v1/predictions?polls=6`,
      poll: { preset: 'replicate', every_s: 0.2 },
    };
    const { data } = (
      await client.post('/v1/operations/batch', {
        operations: Array.from({ length: 100 }, () => ({ type: 'http.request', input })),
      })
    ).body;
    for (const { operation } of data) expect((await client.ended(operation.id)).status).toBe('Finished');
    const jobs = [...api.jobs.values()];
    expect(jobs.map(({ polls }) => polls.length)).toEqual(Array(100).fill(6));
    expect(jobs.filter(({ overlaps }) => overlaps > 0)).toEqual([]);
    const early = jobs
      .flatMap(({ polls }) => polls.slice(1).map(({ at }, n) => at - polls[n]!.at))
      .filter((gap) => gap < 195);
    expect(early).toEqual([]);
    const statements = calls.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    expect(statements).toBeLessThan((100 * 6) / 3);
    calls.forEach((call) => call.mockRestore());
  });
});
