import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllowedHosts } from '../../src/config/allowed-hosts.js';
import { AllowedPrivate, parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { HostPatternError } from '../../src/config/host-patterns.js';
import { checkHeaders } from '../../src/egress/header-rules.js';
import { SPECIAL_IPV4, SPECIAL_IPV6 } from '../../src/egress/public-address.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';
import spellings from '../data/ssrf-spellings.json' with { type: 'json' };

const production = new UrlPolicy({ allowedPrivate: AllowedPrivate.none, allowHttp: false });
const withHttp = new UrlPolicy({ allowedPrivate: AllowedPrivate.none, allowHttp: true });
const quickStart = new UrlPolicy({
  allowedPrivate: parseAllowedPrivate('127.0.0.0/8,::1/128'),
  allowHttp: false,
});

describe('the URL policy', () => {
  it('is tested with at least 150 spellings of forbidden destinations', () => {
    expect(Object.values(spellings.refusedByPolicy).flat().length).toBeGreaterThanOrEqual(150);
  });

  for (const [kind, urls] of Object.entries(spellings.refusedByPolicy)) {
    it.each(urls)(`refuses ${kind}: %j`, (url) => {
      expect(production.check(url)).toMatchObject({ accepted: false });
    });
  }

  it('refuses the same spellings over http, where http is allowed', () => {
    const urls = Object.values(spellings.refusedByPolicy).flat();
    const insecure = urls
      .filter((url) => url.includes('https:'))
      .map((url) => url.replace('https:', 'http:'));
    // A blob URL has no destination at all.
    expect(insecure.filter((url) => withHttp.check(url).accepted)).toEqual([]);
  });

  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://example.com/hook?a=1&b=%20', 'https://example.com/hook?a=1&b=%20'],
    ['HTTPS://EXAMPLE.com:443/Hook', 'https://example.com/Hook'],
    ['https://example.com:8443/', 'https://example.com:8443/'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://a_b.example.com/', 'https://a_b.example.com/'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://[2606:4700::1111]/', 'https://[2606:4700::1111]/'],
    ['https://notlocalhost.com/', 'https://notlocalhost.com/'],
    ['https://internal.example.com/', 'https://internal.example.com/'],
  ])('accepts %s and keeps its normal form', (url, href) => {
    const { origin, hostname } = new URL(href);
    const host = hostname.replace(/^\[|\]$/g, '');
    expect(production.check(url)).toEqual({ accepted: true, href, origin, host, opened: false });
    expect(production.destination(href)).toMatchObject({ host, opened: false });
  });

  it('refuses a URL longer than 2048 characters, as given or as normalised', () => {
    const room = 2048 - 'https://example.com/'.length;
    expect(production.check(`https://example.com/${'a'.repeat(room)}`).accepted).toBe(true);
    expect(production.check(`https://example.com/${'a'.repeat(room + 1)}`)).toMatchObject({
      code: 'invalid_url',
    });
    expect(production.check(`https://example.com/${'ü'.repeat(room)}`)).toMatchObject({
      code: 'invalid_url',
    });
  });

  it('allows http only by setting, or to what RINGBACK_ALLOWED_PRIVATE names', () => {
    expect(production.check('http://example.com/')).toMatchObject({ accepted: false, code: 'invalid_url' });
    expect(withHttp.check('http://example.com/')).toMatchObject({ accepted: true });
    expect(quickStart.check('http://example.com/')).toMatchObject({ accepted: false, code: 'invalid_url' });
    expect(quickStart.check('http://127.0.0.1:9000/')).toMatchObject({ accepted: true });
  });

  it.each([
    'http://localhost:9000/hook',
    'http://127.0.0.1:9000',
    'http://[::1]:9000/',
    'https://localhost/',
  ])('lets the quick start call %s', (url) => {
    expect(quickStart.check(url)).toMatchObject({ accepted: true });
  });

  it('opens exactly the ports that an entry names, for localhost too', () => {
    const one = new UrlPolicy({ allowedPrivate: parseAllowedPrivate('127.0.0.1/32:9000'), allowHttp: false });
    expect(one.check('http://localhost:9000/').accepted).toBe(true);
    expect(one.check('http://localhost:9001/').accepted).toBe(false);
    expect(one.check('http://127.0.0.1:9001/').accepted).toBe(false);
    expect(one.check('http://127.0.0.2:9000/').accepted).toBe(false);
    expect(one.check('http://[::1]:9000/').accepted).toBe(false);
  });

  it.each([
    'http://app.localhost:9000/',
    'http://localhost.:9000/',
    'http://[::ffff:127.0.0.1]:9000/',
    'http://10.0.0.1/',
  ])('refuses %s even where loopback is opened', (url) => {
    expect(quickStart.check(url).accepted).toBe(false);
  });

  it('opens the names of RINGBACK_ALLOWED_HOSTS, by http too, and no others', () => {
    const opened = new UrlPolicy({
      allowedPrivate: AllowedPrivate.none,
      allowedHosts: parseAllowedHosts('receiver:5001, *.svc.cluster.local,NAS.local,host.docker.internal'),
      allowHttp: false,
    });
    for (const url of [
      'http://receiver:5001/hook',
      'https://receiver:5001/',
      'http://a.b.svc.cluster.local/',
      'https://a.svc.cluster.local:8443/',
      'http://nas.local:9000/',
      'http://NAS.LOCAL/',
      'http://host.docker.internal:3000/',
    ])
      expect(opened.check(url), url).toMatchObject({ accepted: true });
    for (const url of [
      'http://receiver/',
      'http://receiver:5002/',
      'http://svc.cluster.local/',
      'http://a.svc.cluster.local.example.com/',
      'http://evil-receiver:5001/',
      'http://receiver.:5001/',
      'http://other.local/',
      'http://nas.local:25/',
      'http://10.0.0.1:5001/',
      'http://example.com/',
      'http://u:p@receiver:5001/',
    ])
      expect(opened.check(url), url).toMatchObject({ accepted: false });
  });

  it.each(['http://receiver:5001/', 'https://nas.local/', 'https://a.svc.cluster.local/'])(
    'says how the operator could open %s',
    (url) => {
      expect(production.check(url)).toMatchObject({
        accepted: false,
        reason: expect.stringContaining('RINGBACK_ALLOWED_HOSTS'),
      });
    },
  );

  it.each(['https://127.0.0.1/', 'https://10.0.0.1/', 'https://[::1]/'])(
    'says how the operator could open %s',
    (url) => {
      expect(production.check(url)).toMatchObject({
        reason: 'the address is not public: have the operator open it in RINGBACK_ALLOWED_PRIVATE',
        fault: 'the address is not public',
      });
    },
  );

  it.each(['https://169.254.169.254/', 'https://0.0.0.0/', 'https://[fe80::1]/'])(
    'advises nobody to open %s',
    (url) => {
      expect(production.check(url)).toMatchObject({ reason: 'the address is not public' });
    },
  );

  it.each([
    ['localhost:9000', 'http://localhost:9000/'],
    ['127.0.0.1:9000/a?token=x', 'http://127.0.0.1:9000/a'],
    ['example.com/hook', 'https://example.com/hook'],
    ['receiver:5001', 'https://receiver:5001/'],
  ])('names what is meant by %s, which has no scheme', (url, whole) => {
    const reason = `write the whole URL: ${whole}`;
    expect(quickStart.check(url)).toEqual({ accepted: false, code: 'invalid_url', reason, fault: reason });
  });

  it.each([
    ['tel:12345', 'the scheme is not https:'],
    ['1.2/x', 'this is not an absolute URL'],
  ])('guesses nothing of %s', (url, reason) => {
    expect(quickStart.check(url)).toMatchObject({ accepted: false, reason });
  });

  it.each(['somewhere', '/callback', 'mailto:a@example.com', 'localhost:x', 'javascript:alert(1)'])(
    'guesses nothing of %s',
    (url) => {
      expect(quickStart.check(url)).toMatchObject({
        reason: expect.not.stringContaining('write the whole URL'),
      });
    },
  );

  it('keeps to RINGBACK_HTTP_HOSTS when it is set', () => {
    const narrow = new UrlPolicy({
      allowedPrivate: AllowedPrivate.none,
      allowHttp: false,
      hosts: ['api.example.com', '*.Example.ORG', '8.8.8.8'],
    });
    const accepted = (url: string): boolean => narrow.check(url).accepted;
    expect(accepted('https://api.example.com/')).toBe(true);
    expect(accepted('https://a.b.example.org/')).toBe(true);
    expect(accepted('https://8.8.8.8/')).toBe(true);
    expect(accepted('https://example.org/')).toBe(false);
    expect(accepted('https://evilexample.org/')).toBe(false);
    expect(accepted('https://api.example.com.evil.net/')).toBe(false);
    expect(accepted('https://127.0.0.1/')).toBe(false);
  });

  it.each([
    '',
    '*',
    '*.',
    'https://example.com',
    'example.com/path',
    'example.com:8080',
    'a.*.com',
    '*.8.8.8.8',
    'u@h.com',
  ])('refuses to start with "%s" in RINGBACK_HTTP_HOSTS', (host) => {
    const options = { allowedPrivate: AllowedPrivate.none, allowHttp: false, hosts: [host] };
    expect(() => new UrlPolicy(options)).toThrow(HostPatternError);
  });
});

describe('every special range', () => {
  const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

  it('of IPv4 is refused in every spelling, at every address', () => {
    const spelled = fc
      .record({
        range: fc.constantFrom(...SPECIAL_IPV4),
        noise: bytes(4),
        spelling: fc.nat(SPELL_IPV4.length - 1),
      })
      .map(({ range, noise, spelling }) => SPELL_IPV4[spelling]?.(inside(range, noise)) ?? '');
    fc.assert(
      fc.property(spelled, (host) => !production.check(`https://${host}/`).accepted),
      { numRuns: 3_000 },
    );
  });

  it('of IPv6, and all that is not global unicast, is refused in every spelling', () => {
    const outside = ['::/3', '4000::/2', '8000::/1'];
    const spelled = fc
      .record({
        range: fc.constantFrom(...SPECIAL_IPV6, ...outside),
        noise: bytes(16),
        spelling: fc.nat(SPELL_IPV6.length - 1),
      })
      .map(({ range, noise, spelling }) => SPELL_IPV6[spelling]?.(inside(range, noise)) ?? '');
    fc.assert(
      fc.property(spelled, (host) => !production.check(`https://[${host}]/`).accepted),
      { numRuns: 3_000 },
    );
  });
});

describe('headers of a callback', () => {
  it('may be up to 20 with plain names and printable values', () => {
    const headers = Array.from({ length: 20 }, (_, index) => ({ key: `X-Custom-${index}`, value: 'a b~' }));
    expect(checkHeaders(headers)).toEqual([]);
    const token = 'Bearer x'.padEnd(4096, 'x');
    expect(checkHeaders([{ key: 'Authorization', value: token }])).toEqual([]);
    expect(
      checkHeaders([
        { key: 'api_key', value: '' },
        { key: 'api-key', value: '' },
      ]),
    ).toEqual([]);
    expect(checkHeaders([...headers, { key: 'one-more', value: '' }])).toMatchObject([{ path: 'headers' }]);
  });

  it.each([
    ['grün', 'U+00FC'],
    ['a\u200bb', 'U+200B'],
    ['😀', 'U+1F600'],
    ['a\tb', 'U+0009'],
    ['\ud800', 'U+D800'],
  ])('are told the first character that they cannot hold: %j', (value, character) => {
    expect(checkHeaders([{ key: 'a', value }])).toEqual([
      {
        path: 'headers[0].value',
        message: `a header value is printable ASCII; this one has ${character}`,
      },
    ]);
  });

  it('have at most 8 KiB in all, names included', () => {
    const rest = 'x'.repeat(4096 - 2);
    const two = [
      { key: 'a', value: 'x'.repeat(4096) },
      { key: 'b', value: rest },
    ];
    expect(checkHeaders(two)).toEqual([]);
    expect(checkHeaders([two[0]!, { key: 'bc', value: rest }])).toEqual([
      { path: 'headers', message: 'names and values have 8193 characters: at most 8192 can be given in all' },
    ]);
  });

  it.each([
    'Host',
    'content-type',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'TE',
    'Upgrade',
    'Trailer',
    'Expect',
    'Proxy-Authorization',
    'webhook-id',
    'Webhook-Signature',
    'ringback-operation',
    'X-Forwarded-For',
    'Forwarded',
    'X-Real-IP',
    'Via',
    'X-HTTP-Method-Override',
    'Stripe-Signature',
    'X-Hub-Signature-256',
    'X_Forwarded_For',
    'content_type',
    'Webhook_Id',
    'x-real_ip',
    '',
    'a b',
    'a:b',
    'ü',
    'a\r\nb',
    'a'.repeat(65),
  ])('may not be named %j', (key) => {
    expect(
      checkHeaders([
        { key: 'ok', value: '' },
        { key, value: 'x' },
      ]),
    ).toMatchObject([{ path: 'headers[1].key' }]);
  });

  it.each(['a\r\nb', 'a\nb', 'a\0b', 'ü', '\t', 'x'.repeat(4097)])('may not hold %j', (value) => {
    expect(checkHeaders([{ key: 'ok', value }])).toMatchObject([{ path: 'headers[0].value' }]);
  });

  it('may not be given twice, in whatever case', () => {
    const twice = [
      { key: 'X-A', value: '1' },
      { key: 'x-a', value: '2' },
    ];
    expect(checkHeaders(twice)).toMatchObject([{ path: 'headers[1].key' }]);
  });
});

type Speller = (address: number[]) => string;

const hex = (value: number): string => value.toString(16);
const groups = (address: number[]): string[] =>
  Array.from({ length: address.length / 2 }, (_, index) =>
    hex((at(address, 2 * index) << 8) | at(address, 2 * index + 1)),
  );
const wide = (text: string): string =>
  text.replaceAll(/\d/g, (digit) => String.fromCodePoint((digit.codePointAt(0) ?? 0) + 0xfe_e0));

const SPELL_IPV4: Speller[] = [
  (address) => address.join('.'),
  (address) => String(asInteger(address)),
  (address) => `0x${hex(asInteger(address))}`,
  (address) => `0${asInteger(address).toString(8)}`,
  (address) => address.map((byte) => `0x${hex(byte)}`).join('.'),
  (address) => address.map((byte) => `0${byte.toString(8)}`).join('.'),
  (address) => `${at(address, 0)}.${asInteger([0, ...address.slice(1)])}`,
  (address) => `${at(address, 0)}.${at(address, 1)}.${asInteger([0, 0, ...address.slice(2)])}`,
  (address) => `${address.join('.')}.`,
  (address) => wide(address.join('.')),
  (address) => address.join('。'),
  (address) => Array.from(address.join('.'), (char) => `%${hex(char.codePointAt(0) ?? 0)}`).join(''),
  (address) => `[::ffff:${address.join('.')}]`,
  (address) => `[::${address.join('.')}]`,
  (address) => `[64:ff9b::${address.join('.')}]`,
  (address) => `[2002:${groups(address).join(':')}::1]`,
];

const SPELL_IPV6: Speller[] = [
  (address) => groups(address).join(':'),
  (address) => groups(address).join(':').toUpperCase(),
  (address) =>
    groups(address)
      .map((group) => group.padStart(4, '0'))
      .join(':'),
  (address) => `${groups(address.slice(0, 12)).join(':')}:${address.slice(12).join('.')}`,
];

/** Any address of a range: the prefix's bits from the range, the others from the noise. */
function inside(range: string, noise: Uint8Array): number[] {
  const [network = '', length = ''] = range.split('/');
  const base = noise.length === 4 ? network.split('.').map(Number) : bytesOfIPv6(network);
  return base.map((byte, index) => {
    const fixed = Math.min(8, Math.max(0, Number(length) - 8 * index));
    const mask = (0xff << (8 - fixed)) & 0xff;
    return (byte & mask) | (at([...noise], index) & ~mask & 0xff);
  });
}

function bytesOfIPv6(text: string): number[] {
  const given = text.replace(/::$/, '').split(':').filter(Boolean);
  const all = [...given, ...Array.from({ length: 8 - given.length }, () => '0')];
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}

function asInteger(address: number[]): number {
  return address.reduce((value, byte) => value * 256 + byte, 0);
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}
