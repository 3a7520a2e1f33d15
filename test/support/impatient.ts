import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Certificate } from './certificates.js';

/**
 * A server on loopback that answers as soon as it has read a request's head, reads nothing more, and closes, as gunicorn
 * does: what it left unread makes the kernel reset the connection.
 */
export class ImpatientServer implements AsyncDisposable {
  /** Connections that are open at this moment. */
  readonly open = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: 'http' | 'https',
  ) {}

  static async answering(
    answer: string | ((head: string) => string),
    { closes = true, tls }: { closes?: boolean; tls?: Certificate } = {},
  ): Promise<ImpatientServer> {
    const serve = (socket: Socket): void => {
      impatient.open.add(socket);
      let head = '';
      socket
        .on('error', () => undefined)
        .on('close', () => impatient.open.delete(socket))
        .on('data', (data: Buffer) => {
          head += data.toString('latin1');
          if (!head.includes('\r\n\r\n')) return;
          socket.pause().removeAllListeners('data');
          socket.write(typeof answer === 'string' ? answer : answer(head), () => {
            // Only the close itself resets, and it does so only where something is left unread.
            if (closes) socket.destroy();
          });
        });
    };
    const options = { noDelay: true, highWaterMark: 4_096 };
    const server = tls ? createTlsServer({ ...options, ...tls }, serve) : createServer(options, serve);
    const impatient = new ImpatientServer(server, tls ? 'https' : 'http');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return impatient;
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** An answer with a short text. */
export const saying = (status: string, text = 'no') =>
  `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
