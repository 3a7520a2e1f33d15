import { buildApp } from 'fauxqs';
import type { S3Place } from '../../src/config/config.js';
import { freePort } from './app.js';
import { Door } from './door.js';

const BUCKET = 'ringback-test';
/** Tells the test's own requests. */
const OWN = 'test';

/** A request that the store was sent: `PUT file_1?partNumber=2`, with the bucket left out. */
export interface StoreRequest {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
}

/** An S3-compatible server on a loopback port, with one bucket, that can go away and come back. */
export class ObjectStore implements AsyncDisposable {
  readonly requests: StoreRequest[] = [];
  /** Most requests that were open at the same moment. */
  mostAtOnce = 0;
  private open = 0;
  private held: (() => void)[] = [];
  private holds = 1;

  private constructor(
    private readonly server: ReturnType<typeof buildApp>,
    private readonly door: Door,
    private readonly port: number,
  ) {}

  static async start(): Promise<ObjectStore> {
    // Found first by the SDK, so that it looks nowhere else.
    process.env.AWS_ACCESS_KEY_ID = 'test';
    process.env.AWS_SECRET_ACCESS_KEY = 'test';
    const server = buildApp({ logger: false });
    const port = await freePort();
    const store = new ObjectStore(server, await Door.to(port), port);
    server.addHook('onRequest', (request, _reply, done) => {
      if (request.headers['user-agent'] === OWN) return done();
      store.take(request, done);
    });
    server.addHook('onResponse', (request, _reply, done) => {
      if (request.headers['user-agent'] !== OWN) store.open--;
      done();
    });
    await server.listen({ port, host: '127.0.0.1' });
    await store.ask('PUT', '');
    return store;
  }

  place(prefix = ''): S3Place {
    return { bucket: BUCKET, prefix, endpoint: `http://127.0.0.1:${this.door.port}`, region: undefined };
  }

  /** For a service that is a process of its own. */
  environment(prefix: string): Record<string, string> {
    return {
      RINGBACK_FILES_URL: `s3://${BUCKET}/${prefix}`,
      AWS_ENDPOINT_URL_S3: this.place().endpoint!,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
  }

  /** Every object that can be seen. */
  async keys(): Promise<string[]> {
    return [...(await this.ask('GET', '?list-type=2')).matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key!);
  }

  /** Takes an object away behind Ringback's back. */
  async lose(key: string): Promise<void> {
    await this.ask('DELETE', `/${key}`);
  }

  /** Requests of a kind so far. */
  count(kind: 'begun' | 'part' | 'completed' | 'aborted' | 'read' | 'deleted'): number {
    return this.requests.filter((request) => kindOf(request) === kind).length;
  }

  /** Answers nobody until so many ask at once; `Infinity` never answers. */
  holdUntil(count: number): void {
    this.holds = count;
    this.held = [];
    this.open = 0;
    this.mostAtOnce = 0;
  }

  /** Breaks every connection and refuses new ones. */
  goAway(): void {
    this.door.close();
  }

  comeBack(): void {
    this.door.target = this.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door[Symbol.asyncDispose]();
    await this.server.close();
  }

  private take({ method, url }: { method: string; url: string }, answer: () => void): void {
    const { pathname, searchParams } = new URL(url, 'http://store');
    const key = decodeURIComponent(pathname.slice(BUCKET.length + 2));
    this.requests.push({ method, key, query: searchParams });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.open);
    this.held.push(answer);
    if (this.held.length >= this.holds) for (const release of this.held.splice(0)) release();
  }

  /** Asks the store itself, past the record. */
  private async ask(method: 'GET' | 'PUT' | 'DELETE', path: string): Promise<string> {
    const { body } = await this.server.inject({
      method,
      url: `/${BUCKET}${path}`,
      headers: { 'user-agent': OWN },
    });
    return body;
  }
}

function kindOf({ method, key, query }: StoreRequest): string {
  if (query.has('uploads')) return 'begun';
  if (query.has('partNumber')) return 'part';
  if (query.has('uploadId')) return method === 'DELETE' ? 'aborted' : 'completed';
  if (method === 'GET' && key !== '') return 'read';
  return method === 'DELETE' ? 'deleted' : method;
}
