import { parseAllowedHosts } from '../allowed-hosts.js';
import { parseAllowedPrivate } from '../allowed-private.js';
import { readHostPattern } from '../host-patterns.js';
import { boolean, commaList, httpProxy, number, optional, parsable, pemFile, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

function hosts(value: string): string[] {
  const patterns = commaList(value);
  for (const pattern of patterns) if (pattern !== '*') readHostPattern(pattern);
  return patterns;
}

const SETTINGS = {
  allowedHosts: setting(
    'RINGBACK_ALLOWED_HOSTS',
    '',
    'Internal names that callbacks, endpoints and `http.request` may call, by http too and whatever private address they have: `receiver:5001,*.svc.cluster.local`, exact names or a leading `*.`, each with a port or for all of them. They are resolved as this machine does it, its hosts file included.',
    parsable(parseAllowedHosts),
    'none',
  ),
  allowHttp: setting(
    'RINGBACK_ALLOW_HTTP',
    'false',
    'Allow `http:` callback URLs everywhere; without it only to what RINGBACK_ALLOWED_PRIVATE and RINGBACK_ALLOWED_HOSTS name.',
    boolean,
  ),
  proxy: optional(
    'RINGBACK_EGRESS_PROXY',
    'none: requests leave directly',
    'Proxy through which callbacks, handshakes and `http.request` leave, by CONNECT for http: too: `http://user:password@proxy:3128`. Names are resolved and judged here, and it is asked for the address. The upstream, its auth URL, S3 and OTLP are not called through it; HTTP_PROXY and the like are never read.',
    httpProxy,
  ),
  proxyResolves: setting(
    'RINGBACK_EGRESS_PROXY_RESOLVES',
    'false',
    'Leave names to that proxy, where this machine resolves none: then only the proxy can refuse a name that leads to a private address.',
    boolean,
  ),
  newHostsPerMinute: setting(
    'RINGBACK_NEW_HOSTS_PER_MINUTE',
    '60',
    'Host names that an account may bring up a minute with its callback URLs and its `http.request`. One it used before is not new, and what RINGBACK_ALLOWED_PRIVATE and RINGBACK_ALLOWED_HOSTS name is not counted.',
    number(1, 1_000_000),
  ),
  httpBytes: setting(
    'RINGBACK_HTTP_BYTES',
    '67108864',
    'The largest response that `http.request` keeps, bytes; a larger one is `response_too_large`.',
    number(1, 1_099_511_627_776),
  ),
};

const ASKED = {
  allowedPrivate: {
    ...optional(
      'RINGBACK_ALLOWED_PRIVATE',
      'loopback when the database is embedded, else none',
      'Private addresses that callbacks may reach: `cidr[:port],…`. Set but empty = none.',
      parsable(parseAllowedPrivate),
    ),
    emptyIsGiven: true,
  },
  ca: optional(
    'RINGBACK_EGRESS_CA',
    'none: those of Node, and of NODE_EXTRA_CA_CERTS',
    'A file of PEM certificates: authorities that callbacks, handshakes and `http.request` trust besides the usual ones.',
    pemFile,
  ),
  httpHosts: optional(
    'RINGBACK_HTTP_HOSTS',
    'any public host; in production none, and `http.request` is refused',
    'Hosts that `http.request` may call: a comma list, `*.example.com` allowed; `*` is any public host.',
    hosts,
  ),
};

/** What requests that leave for a user's URL may reach. */
export abstract class EgressConfig extends sliceOf(SETTINGS, ASKED) {
  abstract readonly allowedPrivate: string;
  /** PEMs of authorities that are trusted besides the usual ones. */
  abstract readonly ca: readonly string[];
  /** The hosts that `http.request` may call; undefined: any public one; null: none, so that there is no such type. */
  abstract readonly httpHosts: readonly string[] | undefined | null;
}
