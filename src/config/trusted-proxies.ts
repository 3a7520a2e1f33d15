import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { commaList, SettingError } from './settings.js';

/** The addresses whose word on who asks is taken. */
export class TrustedProxies {
  constructor(private readonly ranges: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][]) {}

  /** An IPv4 address that came mapped into IPv6 is the same one. */
  trusts(address: string | undefined): boolean {
    if (this.ranges.length === 0 || address === undefined || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return this.ranges.some(
      ([network, prefix]) => network.kind() === parsed.kind() && parsed.match(network, prefix),
    );
  }

  /** Who asks: the peer, or where that is trusted whom `X-Forwarded-For` names, of a chain the last one that isn't. */
  callerOf(peer: string | undefined, forwardedFor: string | string[] | undefined): string | undefined {
    const chain = [forwardedFor ?? []].flat().flatMap((field) => commaList(field));
    let caller = peer;
    while (chain.length > 0 && this.trusts(caller)) caller = chain.pop();
    return caller;
  }
}

/** Reads `10.0.0.7,10.1.0.0/16,fd00::/8`. */
export function parseTrustedProxies(value: string): TrustedProxies {
  return new TrustedProxies(commaList(value).map(rangeOf));
}

function rangeOf(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const [address = '', length] = text.split(/\/(.*)/s, 2);
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  const prefix = length === undefined ? most : Number(/^\d{1,3}$/.exec(length)?.[0] ?? Number.NaN);
  if (family === 0 || address.includes('%') || !(prefix <= most))
    throw new SettingError(
      `"${text}" is no address and no range: write 10.0.0.7, 10.1.0.0/16 or fd00::/8, several by comma`,
    );
  return [ipaddr.parse(address), prefix];
}
