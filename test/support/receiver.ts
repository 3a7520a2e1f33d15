import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One POST as it arrived. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

/** Answers a POST: a status, or a function that writes the response. */
export type Answer = number | ((response: ServerResponse, received: Received) => void);

/** A real HTTP server on loopback that takes callbacks. The last answer repeats. */
export class Receiver implements AsyncDisposable {
  readonly all: Received[] = [];
  private waiting: { count: number; resolve: () => void }[] = [];

  private constructor(
    private readonly server: Server,
    private answers: Answer[],
  ) {}

  static async answering(...answers: Answer[]): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server, answers.length > 0 ? answers : [200]);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        receiver.take(
          {
            path: request.url!,
            headers: request.headers,
            body: Buffer.concat(chunks).toString(),
            at: Date.now(),
          },
          response,
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/callback`;
  }

  /** Resolves with the first `count` that arrived, once they have. */
  async received(count: number): Promise<Received[]> {
    if (this.all.length < count) await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
    return this.all.slice(0, count);
  }

  answer(...answers: Answer[]): void {
    this.answers = answers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(received: Received, response: ServerResponse): void {
    this.all.push(received);
    const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!;
    if (typeof answer === 'number') response.writeHead(answer).end();
    else answer(response, received);
    this.waiting = this.waiting.filter(({ count, resolve }) => {
      if (this.all.length < count) return true;
      resolve();
      return false;
    });
  }
}

/** Verifies with the npm package of the Standard Webhooks project; throws when the signature is wrong. */
export function verify(
  secret: string,
  received: Received,
): { type: string; timestamp: string; data: Record<string, unknown> } {
  return new Webhook(secret).verify(received.body, received.headers as Record<string, string>) as never;
}
