import ipaddr from 'ipaddr.js';

/** A peer's address as text: IPv4 also where it came mapped into IPv6; null where it is unknown. */
export function addressOf(remote: string | undefined): string | null {
  const [plain = ''] = (remote ?? '').split('%');
  return ipaddr.isValid(plain) ? ipaddr.process(plain).toString() : plain.slice(0, 45) || null;
}

/** What counts as one client: an IPv4 address, or the network of 64 bits that a site is given of IPv6. */
export function networkOf(remote: string | undefined): string {
  const [plain = ''] = (remote ?? '').split('%');
  // Of a trusted proxy's making; no longer than an address.
  if (!ipaddr.isValid(plain)) return plain.slice(0, 45);
  const parsed = ipaddr.process(plain);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`;
}
