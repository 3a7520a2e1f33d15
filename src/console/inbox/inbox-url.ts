import type { HttpConfig } from '../../config/config.js';

/** Where callbacks to the inbox are sent: straight to this process, whatever its public address is. */
export function inboxUrl({ host, port }: Pick<HttpConfig, 'host' | 'port'>): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}/inbox`;
}
