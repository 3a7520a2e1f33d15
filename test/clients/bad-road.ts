import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Stands before a receiver, and hands callbacks on badly: some twice at once, some without an answer, some not at all. */
export class BadRoad implements AsyncDisposable {
  readonly hits = { twice: 0, unanswered: 0, lost: 0 };
  private count = 0;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  /** To the receiver on a port of loopback, which may be down. */
  static async to(port: number): Promise<BadRoad> {
    const server = createServer();
    const road = new BadRoad(server, port);
    server.on('request', (incoming, response) => void road.take(incoming, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return road;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/callback`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const count = ++this.count;
    const body = await buffer(incoming);
    const hand = (): Promise<number> => this.hand(incoming, body);
    if (count % 11 === 0) {
      this.hits.lost++;
      response.destroy();
      return;
    }
    const twice = count % 5 === 0;
    if (twice) this.hits.twice++;
    const [status] = (await Promise.all(twice ? [hand(), hand()] : [hand()])) as [number];
    if (count % 7 === 0) {
      this.hits.unanswered++;
      response.destroy();
    } else response.writeHead(status).end();
  }

  /** The receiver's status, or what a proxy says where it isn't there. */
  private hand({ headers, method }: IncomingMessage, body: Buffer): Promise<number> {
    return new Promise((resolve) => {
      const onward = request({ host: '127.0.0.1', port: this.port, method, headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode!));
        answer.on('error', () => resolve(502));
      });
      onward.on('error', () => resolve(502));
      onward.end(body);
    });
  }
}
