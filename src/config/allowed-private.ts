import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { SettingError } from './settings.js';

/** `RINGBACK_ALLOWED_PRIVATE` cannot be read; the message names the entry and the remedy. */
export class AllowedPrivateError extends SettingError {
  override readonly name = 'AllowedPrivateError';
  readonly code = 'malformed_allowed_private';
}

interface AllowedEntry {
  network: ipaddr.IPv4 | ipaddr.IPv6;
  prefix: number;
  /** null: every port. */
  port: number | null;
}

/** Where virtual machines of most clouds ask for their credentials: RFC 3927 and RFC 4193 addresses. */
const METADATA_SERVICES = ['169.254.169.254', 'fd00:ec2::254'];

/** The exact private ranges (and ports) an operator opened; everything else stays shut. */
export class AllowedPrivate {
  /** Opens nothing: what production starts with. */
  static readonly none = new AllowedPrivate([]);

  constructor(private readonly entries: readonly AllowedEntry[]) {}

  /** The ranges in which a service lies that tells secrets to whoever asks from this machine, as clouds have one. */
  opensMetadata(): string[] {
    const services = METADATA_SERVICES.map((address) => ipaddr.parse(address));
    return this.entries
      .filter((entry) => services.some((service) => contains(entry, service)))
      .map(({ network, prefix }) => `${network.toString()}/${prefix}`);
  }

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
  return new AllowedPrivateError(`"${entry}" is no range: ${remedy}`);
}
