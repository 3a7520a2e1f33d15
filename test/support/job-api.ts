import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the API saw it. */
export interface SeenJobRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A job of the API, which ends when it has been polled so often. */
export interface RemoteJob {
  readonly id: string;
  readonly polls: SeenJobRequest[];
  readonly needs: number;
  readonly fails: boolean;
  readonly retryAfter: string | null;
  /** How often it was polled while another poll of it was under way. */
  overlaps: number;
  busy: number;
  canceled: boolean;
}

type Answer = (job: RemoteJob, request: SeenJobRequest, response: ServerResponse) => void;

const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/**
 * APIs that run jobs in the background, each as its public description has it: Azure's long-running operations, Google's, FHIR's bulk
 * export, Replicate's predictions, OpenAI's batches, and plain 202 with a Location. The query of the request that makes a job says how
 * that goes: `polls` until it ends, `fail=1`, `retry_after`.
 */
export class JobApi implements AsyncDisposable {
  readonly jobs = new Map<string, RemoteJob>();
  readonly seen: SeenJobRequest[] = [];
  /** Answers in the API's place where it returns true. */
  trouble: (request: SeenJobRequest, response: ServerResponse) => boolean = () => false;
  /** What the result of a batch, or of a resource, is. */
  result = '{"custom_id":"a","response":{"status_code":200}}\n';
  /** Where status URLs are, if elsewhere than at this API. */
  statusUrl: string | null = null;
  private made = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<JobApi> {
    const server = createServer();
    const api = new JobApi(server);
    server.on('request', (request, response) => {
      request.resume().once('end', () => api.answer(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The only job that there is. */
  get job(): RemoteJob {
    if (this.jobs.size !== 1) throw new Error(`there are ${this.jobs.size} jobs`);
    return this.jobs.values().next().value!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const seen = { method: request.method!, path: request.url!, headers: request.headers, at: Date.now() };
    this.seen.push(seen);
    if (this.trouble(seen, response)) return;
    const { pathname, searchParams } = new URL(seen.path, this.url);
    const [, route, match] = routeOf(seen.method, pathname) ?? [];
    if (route === undefined)
      return void json(response, 404, { error: { message: `nothing at ${pathname}` } });
    const id = match?.groups?.['id'];
    if (id === undefined) {
      const job = this.make(searchParams);
      BEGINNINGS[route as keyof typeof BEGINNINGS](job, seen, response, this.statusUrl ?? this.url);
      return;
    }
    const job = this.jobs.get(id);
    if (!job) return void json(response, 404, { error: { message: `no job ${id}` } });
    if (route.startsWith('cancel')) {
      job.canceled = true;
      return void json(response, 202, {});
    }
    if (route.startsWith('result'))
      return void response.writeHead(200, { 'content-type': 'application/jsonl' }).end(this.result);
    if (job.busy > 0) job.overlaps++;
    job.busy++;
    job.polls.push(seen);
    // Not at once, so that two polls of one job could meet.
    setTimeout(() => {
      job.busy--;
      STATES[route as keyof typeof STATES](job, seen, response, this.url);
    }, 5);
  }

  private make(query: URLSearchParams): RemoteJob {
    const job: RemoteJob = {
      id: String(++this.made),
      polls: [],
      needs: Number(query.get('polls') ?? 2),
      fails: query.get('fail') === '1',
      retryAfter: query.get('retry_after'),
      overlaps: 0,
      busy: 0,
      canceled: false,
    };
    this.jobs.set(job.id, job);
    return job;
  }
}

const ROUTES: readonly (readonly [method: string, route: string, path: RegExp])[] = [
  ['POST', 'azure', /^\/azure\/things$/],
  ['GET', 'azure', /^\/azure\/operations\/(?<id>\d+)$/],
  ['GET', 'result azure', /^\/azure\/things\/(?<id>\d+)$/],
  ['POST', 'google', /^\/v1\/speech:longrunningrecognize$/],
  ['GET', 'google', /^\/v1\/operations\/(?<id>\d+)$/],
  ['POST', 'cancel google', /^\/v1\/operations\/(?<id>\d+):cancel$/],
  ['GET', 'fhir', /^\/fhir\/\$export$/],
  ['GET', 'fhir', /^\/fhir\/jobs\/(?<id>\d+)$/],
  ['DELETE', 'cancel fhir', /^\/fhir\/jobs\/(?<id>\d+)$/],
  ['POST', 'replicate', /^\/v1\/predictions$/],
  ['GET', 'replicate', /^\/v1\/predictions\/(?<id>\d+)$/],
  ['POST', 'cancel replicate', /^\/v1\/predictions\/(?<id>\d+)\/cancel$/],
  ['POST', 'openai', /^\/v1\/batches$/],
  ['GET', 'openai', /^\/v1\/batches\/batch_(?<id>\d+)$/],
  ['POST', 'cancel openai', /^\/v1\/batches\/batch_(?<id>\d+)\/cancel$/],
  ['GET', 'result openai', /^\/v1\/files\/file-(?<id>\d+)\/content$/],
  ['POST', 'plain', /^\/exports$/],
  ['GET', 'plain', /^\/jobs\/(?<id>\d+)$/],
];

function routeOf(method: string, pathname: string) {
  for (const [wanted, route, path] of ROUTES) {
    const match = wanted === method ? path.exec(pathname) : null;
    if (match) return [wanted, route, match] as const;
  }
  return null;
}

const prediction = (job: RemoteJob, status: string, base: string, more: object = {}) => ({
  id: job.id,
  status,
  urls: { get: `${base}/v1/predictions/${job.id}`, cancel: `${base}/v1/predictions/${job.id}/cancel` },
  output: null,
  error: null,
  ...more,
});

const batch = (job: RemoteJob, status: string, completed: number, more: object = {}) => ({
  id: `batch_${job.id}`,
  object: 'batch',
  status,
  errors: null,
  output_file_id: null,
  error_file_id: null,
  request_counts: { total: job.needs, completed, failed: 0 },
  ...more,
});

type Beginning = (job: RemoteJob, request: SeenJobRequest, response: ServerResponse, base: string) => void;

const BEGINNINGS = {
  azure: ({ id }, _, response, base) =>
    json(
      response,
      202,
      { id, status: 'NotStarted' },
      {
        'operation-location': `${base}/azure/operations/${id}?api-version=2026-01-01`,
      },
    ),
  google: ({ id }, _, response) => json(response, 200, { name: `operations/${id}` }),
  fhir: ({ id }, _, response, base) =>
    response.writeHead(202, { 'content-location': `${base}/fhir/jobs/${id}` }).end(),
  replicate: (job, _, response, base) => json(response, 201, prediction(job, 'starting', base)),
  openai: (job, _, response) => json(response, 200, batch(job, 'validating', 0)),
  plain: ({ id }, _, response, base) =>
    response.writeHead(202, { location: base === '' ? `jobs/${id}` : `${base}/jobs/${id}` }).end(),
} satisfies Record<string, Beginning>;

/** Percent, once polled so often. */
const percentOf = ({ polls, needs }: RemoteJob): number =>
  Math.min(100, Math.round((100 * polls.length) / needs));
const isOver = ({ polls, needs }: RemoteJob): boolean => polls.length >= needs;
const later = ({ retryAfter }: RemoteJob): Record<string, string> =>
  retryAfter === null ? {} : { 'retry-after': retryAfter };

const STATES = {
  azure: (job, _, response, base) => {
    const { id } = job;
    if (!isOver(job))
      return json(response, 200, { id, status: 'Running', percentComplete: percentOf(job) }, later(job));
    return job.fails
      ? json(response, 200, { id, status: 'Failed', error: { code: 'Conflict', message: 'It is taken' } })
      : json(response, 200, { id, status: 'Succeeded', resourceLocation: `${base}/azure/things/${id}` });
  },
  google: (job, _, response) => {
    const name = `operations/${job.id}`;
    if (!isOver(job))
      return json(response, 200, { name, metadata: { progressPercent: percentOf(job) } }, later(job));
    return job.fails
      ? json(response, 200, { name, done: true, error: { code: 3, message: 'bad audio' } })
      : json(response, 200, { name, done: true, response: { results: ['hello'] } });
  },
  fhir: (job, _, response) => {
    if (!isOver(job))
      return response.writeHead(202, { 'x-progress': `${percentOf(job)}% exported`, ...later(job) }).end();
    return job.fails
      ? json(response, 400, { resourceType: 'OperationOutcome', issue: [{ code: 'processing' }] })
      : json(response, 200, {
          transactionTime: '2026-01-01T00:00:00Z',
          output: [{ type: 'Patient', url: 'https://x/1' }],
        });
  },
  replicate: (job, _, response, base) => {
    if (!isOver(job)) return json(response, 200, prediction(job, 'processing', base), later(job));
    return job.fails
      ? json(response, 200, prediction(job, 'failed', base, { error: 'CUDA out of memory' }))
      : json(response, 200, prediction(job, 'succeeded', base, { output: ['https://x/out.png'] }));
  },
  openai: (job, _, response) => {
    if (!isOver(job)) return json(response, 200, batch(job, 'in_progress', job.polls.length), later(job));
    const errors = { data: [{ code: 'invalid_json_line', message: 'line 3' }] };
    return job.fails
      ? json(response, 200, batch(job, 'failed', 0, { errors }))
      : json(response, 200, batch(job, 'completed', job.needs, { output_file_id: `file-${job.id}` }));
  },
  plain: (job, _, response) => {
    if (!isOver(job)) return response.writeHead(202, later(job)).end();
    return job.fails
      ? response.writeHead(410, { 'content-type': 'text/plain' }).end('gone')
      : response.writeHead(200, { 'content-type': 'text/csv' }).end('a,b\n1,2\n');
  },
} satisfies Record<string, (...given: [...Parameters<Answer>, base: string]) => unknown>;
