import { parseAllowedHosts } from '../allowed-hosts.js';
import { parseAllowedPrivate } from '../allowed-private.js';
import { readHostPattern } from '../host-patterns.js';
import { boolean, commaList, number, optional, parsable, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

function hosts(value: string): string[] {
  const patterns = commaList(value);
  for (const pattern of patterns) readHostPattern(pattern);
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
  newHostsPerMinute: setting(
    'RINGBACK_NEW_HOSTS_PER_MINUTE',
    '60',
    'Host names that an account may bring up a minute with its callback URLs. One it used before is not new, and what RINGBACK_ALLOWED_PRIVATE and RINGBACK_ALLOWED_HOSTS name is not counted.',
    number(1, 1_000_000),
  ),
  httpHosts: optional(
    'RINGBACK_HTTP_HOSTS',
    'any public host',
    'Hosts that `http.request` may call: a comma list, `*.example.com` allowed.',
    hosts,
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
};

/** What requests that leave for a user's URL may reach. */
export abstract class EgressConfig extends sliceOf(SETTINGS, ASKED) {
  abstract readonly allowedPrivate: string;
}
