import { describe, expect, it } from 'vitest';
import {
  AllowedPrivate,
  AllowedPrivateError,
  parseAllowedPrivate,
} from '../../src/config/allowed-private.js';
import { isPublicAddress } from '../../src/egress/public-address.js';

const PUBLIC = `
  1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.215.14 100.63.255.255 100.128.0.0 126.255.255.255
  128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
  192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255
  198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2000:: 2001:200::1 2001:4860:4860::8888
  2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 2620:4f:7fff::1 2620:4f:8001::1 2a00:1450::1
  3ffe::1 3fff:1000::
`
  .trim()
  .split(/\s+/);

const NOT_PUBLIC = `
  0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1
  127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.0
  192.0.0.255 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255
  192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.0 239.1.2.3 240.0.0.0
  255.255.255.255 :: ::1 ::7f00:1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:0:808:808
  64:ff9b::808:808 64:ff9b:1::1 100::1 1fff:ffff::1 2001::1 2001:1ff:ffff::1 2001:db8::1
  2002:808:808::1 2620:4f:8000::1 3fff:: 3fff:fff:ffff::1 4000:: 5f00::1 fc00::1 fd00:ec2::254
  fe80::1 fec0::1 ff02::1 2606:4700::1111%eth0 fe80::1%lo
`
  .trim()
  .split(/\s+/);

const NO_ADDRESS = [
  '',
  'example.com',
  '8.8.8',
  '8.8.8.8.',
  '08.8.8.8',
  '0x8.8.8.8',
  '134744072',
  '[2606:4700::1]',
  ' 8.8.8.8',
];

describe('an address', () => {
  it.each(PUBLIC)('%s may be called by anyone', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each(NOT_PUBLIC)('%s is never called without permission', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(NO_ADDRESS)('"%s" is no canonical address and so not public', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });
});

describe('RINGBACK_ALLOWED_PRIVATE', () => {
  it.each<[text: string, address: string, port: number, allowed: boolean]>([
    ['127.0.0.0/8', '127.0.0.1', 80, true],
    ['127.0.0.0/8', '127.255.0.1', 9000, true],
    ['127.0.0.0/8', '128.0.0.1', 80, false],
    ['127.0.0.0/8', '::1', 80, false],
    ['127.0.0.0/8', '::ffff:127.0.0.1', 80, false],
    ['127.0.0.0/8:9000', '127.0.0.1', 9000, true],
    ['127.0.0.0/8:9000', '127.0.0.1', 9001, false],
    ['127.0.0.0/8:9000,::1/128', '::1', 1234, true],
    ['127.0.0.0/8:9000 , ::1/128', '127.0.0.1', 1234, false],
    ['[::1/128]:80', '::1', 80, true],
    ['[::1/128]:80', '::1', 81, false],
    ['[fd00::/8]', 'fd12::1', 81, true],
    ['fd00::/8', 'fd12::1%eth0', 81, false],
    ['10.1.2.3', '10.1.2.3', 80, true],
    ['10.1.2.3:8080', '10.1.2.4', 8080, false],
    ['10.1.2.3/32', '10.1.2.4', 80, false],
    ['', '127.0.0.1', 80, false],
    ['::1/128', 'localhost', 80, false],
  ])('"%s" decides over %s port %i: %s', (text, address, port, allowed) => {
    expect(parseAllowedPrivate(text).allows(address, port)).toBe(allowed);
  });

  it.each([
    ['localhost', 'write cidr[:port]'],
    ['10.0.0.0/33', 'at most 32'],
    ['::1/129', 'at most 128'],
    ['10.1.2.3/8', 'write 10.0.0.0/8'],
    ['fd12::/8', 'write fd00::/8'],
    ['10.0.0.0/8:0', 'a port is 1 to 65535'],
    ['10.0.0.0/8:70000', 'a port is 1 to 65535'],
    ['10.0.0.0/8:http', 'write cidr[:port]'],
    ['10.0.0.0/8/8', 'write cidr[:port]'],
    ['010.0.0.0/8', 'write cidr[:port]'],
    ['fe80::%lo/10', 'write cidr[:port]'],
    ['127.0.0.0/8,oops', '"oops" is no range'],
  ])('"%s" is refused with the remedy', (text, remedy) => {
    expect(() => parseAllowedPrivate(text)).toThrow(AllowedPrivateError);
    expect(() => parseAllowedPrivate(text)).toThrow(remedy);
  });

  it('opens nothing unless it is set', () => {
    expect(AllowedPrivate.none.allows('127.0.0.1', 80)).toBe(false);
  });
});
