import { boolean, number, optional, setting, text, url } from '../settings.js';
import { sliceOf } from '../slice.js';
import { parseTrustedProxies } from '../trusted-proxies.js';

const SETTINGS = {
  docs: setting(
    'RINGBACK_DOCS',
    'true',
    'Serve the API documentation: `/docs`, `/openapi.json` and `/openapi.yaml`, to whoever asks.',
    boolean,
  ),
  bodyIdleS: setting(
    'RINGBACK_BODY_IDLE_S',
    '15',
    'Seconds that the body of a request may stand still, at both listeners. Then it is answered 408 and the connection closed.',
    number(0.1, 3600, false),
  ),
  bodyMinRate: setting(
    'RINGBACK_BODY_MIN_RATE',
    '1024',
    'Bytes a second that the body of a request must come with over any 30 s, at both listeners, also where it is passed through; 0 takes any rate. Time in which it is not read, since whoever takes it is slow, is not counted.',
    number(0, 1_000_000_000),
  ),
  connections: setting(
    'RINGBACK_CONNECTIONS',
    '10000',
    'Connections that each listener may have open at once; the next one is answered 503, or closed. The limit of open files (`ulimit -n`) must leave room for them.',
    number(1, 1_000_000),
  ),
  connectionsPerAddress: setting(
    'RINGBACK_CONNECTIONS_PER_ADDRESS',
    '1000',
    'Of those, the connections of one client address (of IPv6: one /64 network); the next one is answered 429, or closed. Behind a proxy all connections come from its address: set it to RINGBACK_CONNECTIONS there.',
    number(1, 1_000_000),
  ),
  trustedProxies: setting(
    'RINGBACK_TRUSTED_PROXIES',
    '',
    'Addresses of proxies whose `X-Forwarded-For` says who asks: `10.0.0.7,10.1.0.0/16,fd00::/8`. It is who failed logins are counted by, and whom the audit names; of anybody else the header is ignored.',
    parseTrustedProxies,
    'none',
  ),
};

const ASKED = {
  port: setting('PORT', '8080', 'Port of the main listener; 0 takes a free one.', number(0, 65_535)),
  host: optional('HOST', '127.0.0.1 (0.0.0.0 in production)', 'Address of the main listener.', text),
  publicUrl: optional(
    'RINGBACK_PUBLIC_URL',
    'http://HOST:PORT',
    'Base of the absolute links in answers and callbacks.',
    url('http:', 'https:'),
  ),
};

/** Where this process listens and how it is reached from outside. */
export abstract class HttpConfig extends sliceOf(SETTINGS, ASKED) {
  abstract readonly host: string;
  abstract readonly port: number;
  /** Base of absolute links, without a trailing slash. */
  abstract readonly publicUrl: string;
  /** The window of `bodyMinRate`. */
  abstract readonly bodyRateWindowS: number;
  /** Seconds that nothing of a large answer may be taken by its caller. */
  abstract readonly answerIdleS: number;
}
