import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { Door } from './door.js';
import type { Ended, PostFact } from './facts.js';

/** What a receiver does with a POST. */
export type Mood = 'takes' | 'fails' | 'hangs';

const ENDS: Readonly<Record<string, Ended>> = {
  Finished: 'Finished',
  Failed: 'Failed',
  Canceled: 'Canceled',
  finished: 'Finished',
  failed: 'Failed',
  canceled: 'Canceled',
};

/** A server that takes callbacks, behind a door, and records each. */
export class Receiver {
  mood: Mood = 'takes';

  private constructor(
    private readonly server: Server,
    readonly door: Door,
    /** Of all receivers. */
    private readonly posts: PostFact[],
    /** By path: callbacks of different accounts are signed with different secrets. */
    private readonly secrets: ReadonlyMap<string, Webhook>,
  ) {}

  static async start(posts: PostFact[], secrets: ReadonlyMap<string, Webhook>): Promise<Receiver> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new Receiver(
      server,
      await Door.to((server.address() as AddressInfo).port),
      posts,
      secrets,
    );
    server.on('request', (request, response) => receiver.listen(request, response));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.door.port}`;
  }

  async close(): Promise<void> {
    await this.door.close();
    this.server.closeAllConnections();
    this.server.close();
  }

  private listen(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    // What was cut off has not been received.
    request.on('end', () => this.take(request, Buffer.concat(chunks), response));
    request.on('error', () => undefined);
  }

  private take(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const answered = { takes: 200, fails: 500, hangs: null }[this.mood];
    this.posts.push({
      delivery: String(request.headers['webhook-id']),
      operation: String(request.headers['ringback-operation']),
      digest: createHash('sha256').update(body).digest('hex'),
      signed: this.isSigned(request, body),
      answered,
      told: endOf(body),
    });
    if (answered !== null) response.writeHead(answered).end();
  }

  private isSigned(request: IncomingMessage, body: Buffer): boolean {
    try {
      const { pathname } = new URL(request.url!, this.url);
      this.secrets.get(pathname)!.verify(body.toString(), request.headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  }
}

/** The end that a callback tells, in whichever face's words. */
function endOf(body: Buffer): Ended | null {
  try {
    const said = JSON.parse(body.toString()) as any;
    // Of a canceled operation, the trm face says Failed.
    const word = said.data?.status ?? said[0]?.status_name ?? said.trm?.status;
    return ENDS[word] ?? null;
  } catch {
    return null;
  }
}
