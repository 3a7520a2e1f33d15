import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the provider's API saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly rawTrailers: readonly string[];
}

/** A provider's API on loopback that answers as the test says and notes what it was asked. */
export class UpstreamApi implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];

  private constructor(readonly server: Server) {}

  static async answering(
    answer: (response: ServerResponse, seen: SeenRequest, count: number) => void,
  ): Promise<UpstreamApi> {
    const server = createServer();
    const api = new UpstreamApi(server);
    server.on('request', (request, response) => {
      void request.toArray().then(
        (chunks: Buffer[]) => {
          const { method, url, headers, rawHeaders, rawTrailers } = request;
          const body = Buffer.concat(chunks);
          const seen = { method: method!, url: url!, headers, rawHeaders, rawTrailers, body };
          api.seen.push(seen);
          answer(response, seen, api.seen.length);
        },
        () => undefined,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
