import { request as httpRequest } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { EgressProxyError } from './egress-error.js';

/** The operator's proxy, through which every request to a URL that a user gave leaves. */
export class EgressProxy {
  private readonly url: URL;

  /** `resolves`: names are left to it, and with them the judgement of what they lead to. */
  constructor(
    url: string,
    readonly resolves: boolean,
  ) {
    this.url = new URL(url);
  }

  /** How logs name it: without its credentials. */
  get shown(): string {
    return `http://${this.url.username === '' ? '' : '[redacted]@'}${this.url.host}`;
  }

  /** A connection through it (RFC 9110, 9.3.6), for http as for https: it is told an address and sees no request. */
  tunnel(host: string, port: number, signal: AbortSignal): Promise<Socket> {
    const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      const asking = httpRequest({
        host: this.url.hostname.replace(/^\[|\]$/g, ''),
        port: this.url.port || 80,
        method: 'CONNECT',
        path: authority,
        headers: { host: authority, ...this.credentials() },
        // Never the default one, which the environment may divert.
        agent: false,
      });
      const giveUp = (): void => void asking.destroy(signal.reason as Error);
      signal.addEventListener('abort', giveUp, { once: true });
      asking.once('close', () => signal.removeEventListener('abort', giveUp));
      asking.once('error', ({ message }) => reject(new EgressProxyError(`${this.shown}: ${message}`)));
      asking.once('connect', ({ statusCode = 0, statusMessage = '' }, socket: Socket, head) => {
        signal.removeEventListener('abort', giveUp);
        // Until a request has taken the connection over, nobody else listens.
        socket.on('error', () => undefined);
        if (head.length > 0) socket.unshift(head);
        if (statusCode >= 200 && statusCode <= 299) return resolve(socket);
        socket.destroy();
        const answer = `${statusCode} ${statusMessage}`.trim();
        reject(new EgressProxyError(`${this.shown} answered ${answer} when it was asked for ${authority}`));
      });
      asking.end();
      if (signal.aborted) giveUp();
    });
  }

  private credentials(): Record<string, string> {
    const { username, password } = this.url;
    if (username === '' && password === '') return {};
    const pair = [username, password].map((text) => decodeURIComponent(text)).join(':');
    return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
  }
}
