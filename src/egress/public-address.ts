import { BlockList, isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The special-purpose IPv4 ranges (IANA registry, RFC 6890) and Azure's wire server: never a callback's destination. */
export const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '168.63.129.16/32',
] as const;

/** The only IPv6 range that holds public addresses: global unicast, RFC 4291. */
export const GLOBAL_IPV6 = '2000::/3';

/** The special-purpose ranges inside `GLOBAL_IPV6`: tunnels, documentation, AS112. */
export const SPECIAL_IPV6 = [
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
] as const;

const specialIPv4 = blockListOf(SPECIAL_IPV4, 'ipv4');
const globalIPv6 = blockListOf([GLOBAL_IPV6], 'ipv6');
const specialIPv6 = blockListOf(SPECIAL_IPV6, 'ipv6');

/**
 * Tells whether an address may be called without anybody's permission.
 * Only canonical text counts: a zone, a leading zero or a host name is not public. IPv4 inside IPv6 (mapped,
 * compatible, NAT64) lies outside 2000::/3 and so is never public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) {
    return !specialIPv4.check(address, 'ipv4') && ipaddr.IPv4.parse(address).range() === 'unicast';
  }
  // BlockList reads a mapped address as IPv4 and ignores zones: refuse a zone before it is asked.
  if (!isIPv6(address) || address.includes('%')) return false;
  return (
    globalIPv6.check(address, 'ipv6') &&
    !specialIPv6.check(address, 'ipv6') &&
    ipaddr.IPv6.parse(address).range() === 'unicast'
  );
}

/** `RINGBACK_ALLOWED_PRIVATE` cannot be read; the message names the entry and the remedy. */
export class AllowedPrivateError extends Error {
  override readonly name = 'AllowedPrivateError';
  readonly code = 'malformed_allowed_private';
}

interface AllowedEntry {
  network: ipaddr.IPv4 | ipaddr.IPv6;
  prefix: number;
  /** null: every port. */
  port: number | null;
}

/** The exact private ranges (and ports) an operator opened; everything else stays shut. */
export class AllowedPrivate {
  /** Opens nothing: what production starts with. */
  static readonly none = new AllowedPrivate([]);

  constructor(private readonly entries: readonly AllowedEntry[]) {}

  /** Tells whether an entry names this address and this port; an IPv4 entry never opens a mapped IPv6 address. */
  allows(address: string, port: number): boolean {
    if (this.entries.length === 0 || address.includes('%')) return false;
    if (!isIPv4(address) && !isIPv6(address)) return false;
    const parsed = ipaddr.parse(address);
    return this.entries.some(
      (entry) => (entry.port === null || entry.port === port) && contains(entry, parsed),
    );
  }
}

/** Reads `cidr[:port],…` (`127.0.0.0/8:9000,[::1/128]:80,::1/128`); a bare address is a range of one. */
export function parseAllowedPrivate(text: string): AllowedPrivate {
  const entries = text.split(',').map((entry) => entry.trim());
  return new AllowedPrivate(entries.filter((entry) => entry !== '').map(parseEntry));
}

function parseEntry(text: string): AllowedEntry {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = /^(\d+\.\d+\.\d+\.\d+(?:\/\d+)?)(?::(\d+))?$/.exec(text);
  const [, cidr = text, port] = bracketed ?? plain ?? [];
  const [address = '', length] = cidr.split('/', 2);
  const family = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : 0;
  if (family === 0 || (length !== undefined && !/^\d{1,3}$/.test(length)) || cidr.split('/').length > 2) {
    throw malformed(text, 'write cidr[:port], as in 10.1.0.0/16:8080 or [fd00::/8]:8080');
  }
  const prefix = length === undefined ? family : Number(length);
  if (prefix > family) throw malformed(text, `the prefix length is at most ${family}`);
  const network = ipaddr.parse(address);
  const base =
    family === 32 ? ipaddr.IPv4.networkAddressFromCIDR(`${address}/${prefix}`) : networkOf(network, prefix);
  if (base.toString() !== network.toString()) {
    throw malformed(text, `it has bits beyond its prefix: write ${base.toString()}/${prefix}`);
  }
  return { network, prefix, port: port === undefined ? null : parsePort(text, port) };
}

function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): ipaddr.IPv6 {
  return ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${prefix}`);
}

function parsePort(entry: string, text: string): number {
  const port = Number(text);
  if (text.length > 5 || port < 1 || port > 65_535) throw malformed(entry, 'a port is 1 to 65535');
  return port;
}

function contains(entry: AllowedEntry, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return entry.network.kind() === address.kind() && address.match(entry.network, entry.prefix);
}

function malformed(entry: string, remedy: string): AllowedPrivateError {
  return new AllowedPrivateError(`RINGBACK_ALLOWED_PRIVATE: "${entry}" is no range: ${remedy}`);
}

function blockListOf(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix = ''] = range.split('/');
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
