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

/**
 * What no name of `RINGBACK_ALLOWED_HOSTS` leads to either: this machine by no address (0.0.0.0, what a filtering resolver
 * answers), multicast, and the link-local and other addresses at which clouds hand credentials to whoever asks.
 */
const NEVER = new BlockList();
for (const range of ['0.0.0.0/8', '169.254.0.0/16', '168.63.129.16/32', '224.0.0.0/3'])
  NEVER.addSubnet(...subnetOf(range), 'ipv4');
for (const range of ['::/128', 'fe80::/10', 'fd00:ec2::254/128', 'ff00::/8'])
  NEVER.addSubnet(...subnetOf(range), 'ipv6');

/** Tells whether an address may be called for a name that the operator opened: a private one too. */
export function isUsableAddress(address: string): boolean {
  if (isIPv4(address)) return !NEVER.check(address, 'ipv4');
  return isIPv6(address) && !address.includes('%') && !NEVER.check(address, 'ipv6');
}

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

function blockListOf(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    list.addSubnet(...subnetOf(range), family);
  }
  return list;
}

function subnetOf(range: string): [network: string, prefix: number] {
  const [network = '', prefix = ''] = range.split('/');
  return [network, Number(prefix)];
}
