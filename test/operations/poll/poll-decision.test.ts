import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { PollAnswer } from '../../../src/operations/poll/poll-answer.js';
import { begin, decide } from '../../../src/operations/poll/poll-decision.js';
import { checkPoll, type GivenPoll, planOf } from '../../../src/operations/poll/poll-input.js';

const NOW = new Date('2026-03-01T12:00:00Z');

interface Recorded {
  readonly status?: number;
  readonly headers?: IncomingHttpHeaders;
  readonly body?: unknown;
}

function answerOf({ status = 200, headers = {}, body = '' }: Recorded): PollAnswer {
  return new PollAnswer(status, headers, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

const first = (poll: GivenPoll, called: string, recorded: Recorded) =>
  begin(planOf(poll), answerOf(recorded), called, NOW);
const next = (poll: GivenPoll, called: string, recorded: Recorded) =>
  decide(planOf(poll), answerOf(recorded), called, NOW);

const AZURE = 'https://management.example.com/subscriptions/1/things/2?api-version=2026-01-01';
const MONITOR = 'https://management.example.com/operations/77?api-version=2026-01-01';
const GOOGLE = 'https://speech.example.com/v1/speech:longrunningrecognize';
const BATCHES = 'https://api.example.com/v1/batches';

describe('a first answer names the job to poll:', () => {
  it.each<[string, GivenPoll, string, Recorded, string]>([
    [
      'http-202 by Location, seen from the request',
      'http-202',
      'https://api.example.com/v1/exports?x=1',
      { status: 202, headers: { location: '../jobs/7?y=2#z' } },
      'https://api.example.com/jobs/7?y=2',
    ],
    [
      'Azure by Operation-Location, before Location',
      'azure',
      AZURE,
      { status: 202, headers: { 'operation-location': MONITOR, location: AZURE } },
      MONITOR,
    ],
    [
      'Azure by Azure-AsyncOperation, where a resource is created',
      'azure',
      AZURE,
      {
        status: 201,
        headers: { 'azure-asyncoperation': MONITOR },
        body: { properties: { provisioningState: 'Creating' } },
      },
      MONITOR,
    ],
    ['Azure by Location alone', 'azure', AZURE, { status: 202, headers: { location: MONITOR } }, MONITOR],
    [
      'Google by name, behind the version',
      'google-lro',
      GOOGLE,
      { body: { name: 'projects/p/operations/9', metadata: {} } },
      'https://speech.example.com/v1/projects/p/operations/9',
    ],
    [
      'FHIR by Content-Location',
      'fhir',
      'https://ehr.example.com/fhir/$export',
      { status: 202, headers: { 'content-location': 'https://ehr.example.com/jobs/5' } },
      'https://ehr.example.com/jobs/5',
    ],
    [
      'Replicate by urls.get',
      'replicate',
      'https://api.example.com/v1/predictions',
      {
        status: 201,
        body: { status: 'starting', urls: { get: 'https://api.example.com/v1/predictions/a' } },
      },
      'https://api.example.com/v1/predictions/a',
    ],
    [
      'OpenAI by id, with the query of its host',
      'openai-batch',
      `${BATCHES}?api-version=1`,
      { body: { id: 'batch_1', status: 'validating' } },
      `${BATCHES}/batch_1?api-version=1`,
    ],
    [
      'Wordbee by requestid',
      'wordbee',
      'https://tms.example.com/api/resources/segments/view/export',
      { body: { trm: { requestid: 559, isbatch: false, status: 'Waiting', statusText: 'Waiting...' } } },
      'https://tms.example.com/api/trm/status?requestid=559',
    ],
    [
      'BEAR by request',
      'bear',
      'https://api.example.com/v2.5/users/me?bgrs=yes',
      { body: { request: '4ff7cc2d88b1de88e83cce3f1caa1509' } },
      'https://api.example.com/bgrs/4ff7cc2d88b1de88e83cce3f1caa1509',
    ],
    [
      'an API of its own by a pointer with escaped characters',
      { location: 'json:/a~1b/0/~0url', status: 'json:/s', done: ['ok'] },
      'https://api.example.com/x',
      { body: { 'a/b': [{ '~url': '/jobs/3' }] } },
      'https://api.example.com/jobs/3',
    ],
    [
      'an id that holds more than a path has its place filled, and begins no query',
      { location: '/jobs/{json:/id}' },
      'https://api.example.com/x',
      { status: 202, body: { id: '7?a=b#c d\ud800' } },
      'https://api.example.com/jobs/7%3Fa=b%23c%20d%EF%BF%BD',
    ],
  ])('%s', (_, poll, called, recorded, url) => {
    expect(first(poll, called, recorded)).toMatchObject({ kind: 'poll', url });
  });

  it.each<[string, GivenPoll, Recorded]>([
    ['an error', 'http-202', { status: 500, headers: { location: '/jobs/1' } }],
    ['a refusal', 'replicate', { status: 422, body: { detail: 'no such model' } }],
    ['a result at once', 'http-202', { status: 200, body: 'a,b', headers: { location: '/there' } }],
    ['a resource that is there', 'azure', { status: 200, body: { status: 'Active' } }],
    ['a result within the wait', 'replicate', { status: 201, body: { status: 'succeeded', output: 1 } }],
    ['an inline end', 'wordbee', { body: { trm: { requestid: 0, status: 'Finished' }, result: 1 } }],
    [
      'an inline end by the word of the page',
      'wordbee',
      {
        body: {
          trm: { requestid: 0, isbatch: false, status: 'Success', statusText: 'Finished!' },
          custom: {},
        },
      },
    ],
    ['an operation that is done', 'google-lro', { body: { name: 'operations/1', done: true, response: {} } }],
  ])('%s is the result as it is', (_, poll, recorded) => {
    expect(first(poll, 'https://api.example.com/v1/x', recorded)).toEqual({ kind: 'done', from: null });
  });

  it.each<[string, GivenPoll, Recorded, object]>([
    ['202 without a Location', 'http-202', { status: 202 }, { code: 'no_job' }],
    [
      'a Location that is no web address',
      'http-202',
      { status: 202, headers: { location: 'ftp://x/y' } },
      { code: 'no_job' },
    ],
    [
      'a prediction without URLs',
      'replicate',
      { status: 201, body: { status: 'starting' } },
      { code: 'no_job' },
    ],
    ['HTML where JSON is expected', 'openai-batch', { body: '<html>' }, { code: 'no_job' }],
    [
      'parameters that were refused at once',
      'wordbee',
      { body: { trm: { requestid: 0, status: 'Failed', statusInfo: 'The parameter xy was not supplied' } } },
      { code: 'job_failed', message: 'the job is Failed: The parameter xy was not supplied' },
    ],
  ])('%s fails', (_, poll, recorded, failure) => {
    expect(first(poll, 'https://api.example.com/v1/x', recorded)).toMatchObject({
      kind: 'failed',
      ...failure,
    });
  });
});

describe('an answer to a poll says that the job runs:', () => {
  it.each<[string, GivenPoll, Recorded, object]>([
    ['http-202', 'http-202', { status: 202, headers: { 'retry-after': '120' } }, { retryAfterS: 120 }],
    [
      'a Retry-After that is a date',
      'http-202',
      { status: 202, headers: { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' } },
      { retryAfterS: 30 },
    ],
    ['Azure', 'azure', { body: { status: 'Running', percentComplete: 40 } }, { progress: 40 }],
    ['Azure by Location alone', 'azure', { status: 202 }, {}],
    [
      'Google, which leaves out what is false',
      'google-lro',
      { body: { name: 'n', metadata: { progressPercent: 7 } } },
      { progress: 7 },
    ],
    [
      'FHIR',
      'fhir',
      { status: 202, headers: { 'x-progress': '50% complete' } },
      { progress: 50, text: '50% complete' },
    ],
    [
      'FHIR in words',
      'fhir',
      { status: 202, headers: { 'x-progress': 'in queue, 3rd' } },
      { progress: null, text: 'in queue, 3rd' },
    ],
    ['Replicate', 'replicate', { body: { status: 'processing', error: null } }, { progress: null }],
    [
      'OpenAI',
      'openai-batch',
      {
        body: {
          status: 'in_progress',
          errors: null,
          request_counts: { total: 50, completed: 20, failed: 0 },
        },
      },
      { progress: 40, text: 'in_progress' },
    ],
    [
      'OpenAI before it has counted',
      'openai-batch',
      { body: { status: 'validating', request_counts: { total: 0, completed: 0 } } },
      { progress: null },
    ],
    [
      'Wordbee',
      'wordbee',
      { body: { trm: { status: 'Executing', statusText: '3 of 9' } } },
      { text: '3 of 9' },
    ],
    ['BEAR', 'bear', { body: [{ status_name: 'executing', progress: '33.00' }] }, { progress: 33 }],
    [
      'BEAR without an array around',
      'bear',
      { body: { status_name: 'waiting', progress: '0.00' } },
      { progress: 0 },
    ],
    [
      'a word that nobody has named',
      { preset: 'replicate', done: ['ok'] },
      { body: { status: 'succeeded' } },
      {},
    ],
  ])('%s', (_, poll, recorded, told) => {
    expect(next(poll, MONITOR, recorded)).toMatchObject({ kind: 'again', trouble: null, ...told });
  });
});

describe('an answer to a poll says nothing of the job, and it is polled again:', () => {
  it.each<[string, GivenPoll, Recorded, boolean]>([
    ['404, since it may not be known yet', 'azure', { status: 404 }, false],
    ['503 with Retry-After', 'fhir', { status: 503, headers: { 'retry-after': '9' } }, false],
    ['429', 'bear', { status: 429 }, false],
    ['401, which will not do for ever', 'replicate', { status: 401 }, true],
    ['a redirect to another status URL', 'http-202', { status: 307, headers: { location: '/x' } }, false],
    ['HTML where JSON is expected', 'google-lro', { body: '<html>maintenance</html>' }, false],
  ])('%s', (_, poll, recorded, refused) => {
    expect(next(poll, MONITOR, recorded)).toMatchObject({
      ...{ kind: 'again', refused, trouble: expect.any(String), progress: null },
      retryAfterS: recorded.headers?.['retry-after'] === '9' ? 9 : null,
    });
  });
});

describe('an answer to a poll says that the job has ended:', () => {
  it.each<[string, GivenPoll, string, Recorded, string | null]>([
    ['http-202', 'http-202', MONITOR, { status: 200, body: 'a,b' }, null],
    [
      'http-202 by 303',
      'http-202',
      'https://a.example.com/jobs/1',
      { status: 303, headers: { location: '/results/1' } },
      'https://a.example.com/results/1',
    ],
    ['Azure', 'azure', MONITOR, { body: { status: 'Succeeded', error: null } }, null],
    [
      'Azure with the URL of the resource',
      'azure',
      MONITOR,
      { body: { status: 'succeeded', resourceLocation: AZURE } },
      AZURE,
    ],
    ['Azure by Location, where nothing is left', 'azure', MONITOR, { status: 204 }, null],
    ['Google', 'google-lro', GOOGLE, { body: { name: 'n', done: true, response: { a: 1 } } }, null],
    ['FHIR', 'fhir', MONITOR, { body: { transactionTime: 't', output: [] } }, null],
    ['Replicate', 'replicate', MONITOR, { body: { status: 'succeeded', output: ['https://x/y.png'] } }, null],
    [
      'OpenAI',
      'openai-batch',
      `${BATCHES}/batch_1?v=1`,
      { body: { status: 'completed', output_file_id: 'file-o' } },
      'https://api.example.com/v1/files/file-o/content?v=1',
    ],
    [
      'OpenAI where every request failed',
      'openai-batch',
      `${BATCHES}/batch_1`,
      { body: { status: 'completed', output_file_id: null, error_file_id: 'file-e' } },
      'https://api.example.com/v1/files/file-e/content',
    ],
    [
      'Wordbee',
      'wordbee',
      MONITOR,
      { body: { trm: { status: 'Finished' }, custom: { fileref: 'f' } } },
      null,
    ],
    [
      'BEAR',
      'bear',
      'https://api.example.com/bgrs/4ff',
      { body: [{ status_name: 'finished', status: '200' }] },
      'https://api.example.com/bgrs/4ff/result',
    ],
  ])('%s', (_, poll, called, recorded, from) => {
    expect(next(poll, called, recorded)).toEqual({ kind: 'done', from });
  });

  it.each<[string, GivenPoll, Recorded, string]>([
    [
      'Azure',
      'azure',
      { body: { status: 'Failed', error: { code: 'Conflict', message: 'It is taken' } } },
      'the job is Failed: It is taken (Conflict)',
    ],
    [
      'Google',
      'google-lro',
      { body: { done: true, error: { code: 3, message: 'bad audio' } } },
      'the job has failed: bad audio (3)',
    ],
    [
      'Replicate',
      'replicate',
      { body: { status: 'failed', error: 'out of memory' } },
      'the job is failed: out of memory',
    ],
    [
      'OpenAI',
      'openai-batch',
      { body: { status: 'failed', errors: { data: [{ code: 'invalid_json_line', message: 'line 3' }] } } },
      'the job is failed: line 3 (invalid_json_line)',
    ],
    ['OpenAI, too late', 'openai-batch', { body: { status: 'expired', errors: null } }, 'the job is expired'],
    [
      'Wordbee',
      'wordbee',
      { body: { trm: { status: 'Failed', statusInfo: 'no such document' } } },
      'the job is Failed: no such document',
    ],
    [
      'Wordbee, with the body of its errors',
      'wordbee',
      {
        status: 400,
        body: {
          error: {
            operation: null,
            date: '2026-03-01',
            title: 'No such operation',
            details: null,
            messages: [],
          },
          reason: 'No such operation',
        },
      },
      'the status URL answers 400: No such operation',
    ],
    [
      'Wordbee, with a reason alone',
      'wordbee',
      { status: 400, body: { error: null, reason: 'It is gone' } },
      'the status URL answers 400: It is gone',
    ],
    ['BEAR', 'bear', { body: [{ status_name: 'failed' }] }, 'the job is failed'],
    ['a status URL that is gone', 'http-202', { status: 410 }, 'the status URL answers 410'],
  ])('%s, badly', (_, poll, recorded, message) => {
    expect(next(poll, MONITOR, recorded)).toEqual({ kind: 'failed', code: 'job_failed', message });
  });
});

describe('a poll is refused that could not work:', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['an unknown preset', 'aws', 'input.poll', /must be http-202, azure, .*, or an object/],
    ['a number', 5, 'input.poll', /must be http-202/],
    ['a field that is none', { preset: 'azure', evry_s: 1 }, 'input.poll.evry_s', /check its spelling/],
    ['no place of the URL', { status: 'http' }, 'input.poll.location', /is missing/],
    ['no words', { location: 'header:Location', status: 'json:/s' }, 'input.poll.done', /is missing/],
    [
      'a source of another kind',
      { location: 'body:/x' },
      'input.poll.location',
      /must be header:<name> or json:<pointer>/,
    ],
    ['a pointer without its slash', { location: 'json:status' }, 'input.poll.location', /json:\/status_url/],
    ['a brace that is open', { location: '/jobs/{json:/id' }, 'input.poll.location', /in braces/],
    [
      'a URL as the place of a word',
      { preset: 'azure', status: '/x' },
      'input.poll.status',
      /must be http, or header/,
    ],
    ['too many sources', { location: Array(5).fill('header:Location') }, 'input.poll.location', /at most 4/],
    ['polls too often', { preset: 'azure', every_s: 0.2 }, 'input.poll.every_s', /must be at least 1/],
    ['a wait too long', { preset: 'azure', until_s: 1e9 }, 'input.poll.until_s', /must not be greater/],
    [
      'a cancel without a method',
      { preset: 'azure', cancel: '{path}/cancel' },
      'input.poll.cancel',
      /a method and a URL/,
    ],
    [
      'a cancel of a URL that is none',
      { preset: 'azure', cancel: 'POST {x}' },
      'input.poll.cancel',
      /a method and a URL/,
    ],
  ])('%s', async (_, poll, path, message) => {
    expect(await checkPoll(poll, 'input.poll', 1)).toEqual([
      { path, message: expect.stringMatching(message) },
    ]);
  });

  it('and one that could is taken', async () => {
    const poll = {
      every_s: 2,
      until_s: 600,
      location: ['header:Location', '/jobs/{json:/id}'],
      status: 'json:/state',
      done: ['ok'],
      failed: ['bad'],
      error: 'json:/reason',
      result: 'json:/result_url',
      progress: 'header:X-Progress',
      cancel: 'DELETE {path}{query}',
    };
    expect(await checkPoll(poll, 'input.poll', 1)).toEqual([]);
    expect(await checkPoll('fhir', 'input.poll', 1)).toEqual([]);
  });
});
