import { describe, expect, it } from 'vitest';
import { parseTrustedProxies } from '../../src/config/trusted-proxies.js';

describe('trusted proxies', () => {
  const proxies = parseTrustedProxies('10.0.0.7, 10.1.0.0/16,fd00::/8,2001:db8::1');

  it.each(['10.0.0.7', '::ffff:10.0.0.7', '10.1.255.255', 'fd12:3456::1', '2001:db8:0::1'])(
    'are those that are named: %s',
    (address) => expect(proxies.trusts(address)).toBe(true),
  );

  it.each(['10.0.0.8', '10.2.0.1', '127.0.0.1', '::1', '2001:db8::2', 'proxy', '', undefined])(
    'are no others: %s',
    (address) => expect(proxies.trusts(address)).toBe(false),
  );

  it('are none by default', () => expect(parseTrustedProxies('').trusts('127.0.0.1')).toBe(false));

  it.each([
    ['192.0.2.1', '198.51.100.1', '192.0.2.1'],
    ['10.0.0.7', '198.51.100.1', '198.51.100.1'],
    ['::ffff:10.0.0.7', '203.0.113.1, 198.51.100.1 ,10.1.2.3', '198.51.100.1'],
    ['10.0.0.7', ['203.0.113.1', '198.51.100.1'], '198.51.100.1'],
    ['10.0.0.7', '10.1.0.1', '10.1.0.1'],
    ['10.0.0.7', undefined, '10.0.0.7'],
    [undefined, '198.51.100.1', undefined],
  ])('tell who asks: %s with %s is %s', (peer, forwarded, caller) =>
    expect(proxies.callerOf(peer, forwarded)).toBe(caller),
  );

  it.each(['proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fe80::1%eth0', '::/129', '10.0.0', '*'])(
    'must be written as addresses: %s',
    (text) => expect(() => parseTrustedProxies(text)).toThrow(`"${text}" is no address and no range`),
  );
});
