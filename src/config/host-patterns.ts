import { isIP } from 'node:net';
import { SettingError } from './settings.js';

/** A host of `RINGBACK_HTTP_HOSTS` that can match nothing; the message names the entry and the remedy. */
export class HostPatternError extends SettingError {
  override readonly name = 'HostPatternError';
  readonly code = 'malformed_host';
}

/** Labels that DNS can hold: WHATWG URL lets many more characters through, and no public host has them. */
export const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** Reads `api.example.com`, `*.example.com` or an address, and answers it as a URL would have it. Throws `HostPatternError`. */
export function readHostPattern(pattern: string): string {
  const wildcard = pattern.startsWith('*.');
  const text = wildcard ? pattern.slice(2) : pattern;
  const url = URL.parse(`https://${text}/`);
  const host = url === null ? '' : bareHost(url);
  const isPlain = url !== null && url.href === `https://${url.hostname}/` && !text.includes('*');
  if (!isPlain || (isIP(host) === 0 && !HOST_NAME.test(host)) || (wildcard && isIP(host) !== 0)) {
    throw new HostPatternError(`"${pattern}" is no host: write api.example.com or *.example.com`);
  }
  return wildcard ? `*.${host}` : host;
}

/** The host of a URL, an IPv6 address without its brackets. */
export function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}
