import { isIP } from 'node:net';
import { AllowedHosts } from '../config/allowed-hosts.js';
import type { AllowedPrivate } from '../config/allowed-private.js';
import { bareHost, HOST_NAME, readHostPattern } from '../config/host-patterns.js';
import { isPublicAddress, isUsableAddress } from './public-address.js';

/** What an operator allows outgoing URLs to name. */
export interface UrlPolicyOptions {
  /** `RINGBACK_ALLOWED_PRIVATE`. */
  allowedPrivate: AllowedPrivate;
  /** `RINGBACK_ALLOWED_HOSTS`; none unless given. */
  allowedHosts?: AllowedHosts | undefined;
  /** `RINGBACK_ALLOW_HTTP`: `http:` to every destination, not only to those that the two above name. */
  allowHttp: boolean;
  /** `RINGBACK_HTTP_HOSTS`: the only hosts that may be named, `*.` for any subdomain; undefined is any host. */
  hosts?: readonly string[] | undefined;
}

/** Whom a URL names. */
export interface Destination {
  /** A name, or an address without brackets. */
  readonly host: string;
  /** An operator's setting names it, so that it is nobody's discovery. */
  readonly opened: boolean;
}

/** The answer to "may this URL be called?"; `reason` is for the person who gave the URL, `fault` the same for who may open it. */
export type UrlVerdict =
  | ({ accepted: true; href: string; origin: string } & Destination)
  | { accepted: false; code: 'blocked_destination' | 'invalid_url'; reason: string; fault: string };

/** The longest URL that is accepted, in characters, as given and as normalised. */
export const MAX_URL_LENGTH = 2048;

/** Accepted URLs that are remembered: some MB at the most. */
const MAX_KNOWN = 20_000;

const OPERATORS_REMEDY = 'have the operator name it in RINGBACK_ALLOWED_HOSTS';

/** `localhost:9000` and `example.com/hook`: the former is a URL, too, whose scheme is its host. Not `tel:12345`, nor `1.2/x`. */
const WITHOUT_SCHEME =
  /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|(?=[\d_-]*[a-z])[\w-]+(?:\.[\w-]+)+|(?!tel:|sms:|urn:|data:)[a-z][\w-]*(?=:\d))(?::\d{1,5})?(?=[/?]|$)/i;

/** Names that mean this machine or this network whatever DNS says. `localhost` itself has a rule of its own. */
const LOCAL_SUFFIXES = ['.localhost', '.local', '.internal', '.cluster.local', '.localdomain', '.home.arpa'];

/**
 * Ports of well-known services that are not HTTP: "bad ports" of the Fetch Standard (https://fetch.spec.whatwg.org/#bad-port).
 * A request sent there may be read as another protocol's commands (SMTP, IRC). Every other port may be called.
 */
export const BAD_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
  109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
  526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
  3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/**
 * Says which URLs may be called, from their text alone: no DNS, no connection, no clock.
 * Asked when a URL is given, when it is changed and before every attempt. Callers keep `href` and use only that.
 */
export class UrlPolicy {
  private readonly allowedPrivate: AllowedPrivate;
  private readonly allowedHosts: AllowedHosts;
  private readonly allowHttp: boolean;
  private readonly hosts: readonly string[] | undefined;
  /** The last ones that were accepted: a receiver's URL comes with every operation, and before every attempt. */
  private readonly accepted = new Map<string, UrlVerdict>();

  constructor(options: UrlPolicyOptions) {
    this.allowedPrivate = options.allowedPrivate;
    this.allowedHosts = options.allowedHosts ?? AllowedHosts.none;
    this.allowHttp = options.allowHttp;
    this.hosts = options.hosts?.map(readHostPattern);
  }

  /** Judges one URL; an accepted one still passes the guarded agent, which judges the resolved addresses. */
  check(text: string): UrlVerdict {
    const known = this.accepted.get(text);
    if (known !== undefined) return known;
    const verdict = this.judge(text);
    if (!verdict.accepted) return verdict;
    if (this.accepted.size >= MAX_KNOWN) this.accepted.clear();
    this.accepted.set(text, verdict);
    return verdict;
  }

  private judge(text: string): UrlVerdict {
    // Measured before it is parsed, so that a huge text costs nothing.
    if (text.length > MAX_URL_LENGTH) return invalid(`the URL is longer than ${MAX_URL_LENGTH} characters`);
    const url = URL.parse(text);
    if (url === null) return invalid(notWhole(text) ?? 'this is not an absolute URL');
    const destination = this.destinationOf(url);
    const refusal = checkForm(url, text) ?? this.checkDestination(url, destination);
    if (refusal) return refusal;
    return { accepted: true, href: withQueryAsGiven(url, text), origin: url.origin, ...destination };
  }

  /** Whom a URL names that was accepted, here or elsewhere. */
  destination(href: string): Destination {
    const known = this.accepted.get(href);
    return known?.accepted ? known : this.destinationOf(new URL(href));
  }

  private destinationOf(url: URL): Destination {
    const host = bareHost(url);
    return { host, opened: this.isNamedByOperator(host, portOf(url)) };
  }

  private checkDestination(url: URL, { host, opened }: Destination): UrlVerdict | undefined {
    const port = portOf(url);
    if (BAD_PORTS.has(port)) return blocked(`port ${port} belongs to a service that is not HTTP`);
    const refusal = opened ? undefined : isIP(host) === 0 ? checkName(host) : checkLiteral(host);
    if (refusal !== undefined) return refusal;
    if (url.protocol === 'http:' && !this.allowHttp && !opened)
      return invalid('http: is not allowed: use https:');
    if (this.hosts !== undefined && !this.hosts.some((pattern) => matchesHost(pattern, host))) {
      return blocked('the host is not one of RINGBACK_HTTP_HOSTS');
    }
    return undefined;
  }

  /**
   * A name of RINGBACK_ALLOWED_HOSTS, an address that RINGBACK_ALLOWED_PRIVATE names, or `localhost` when that names a loopback
   * address of that port.
   */
  private isNamedByOperator(host: string, port: number): boolean {
    if (this.allowedHosts.allows(host, port)) return true;
    const addresses = host === 'localhost' ? ['127.0.0.1', '::1'] : isIP(host) === 0 ? [] : [host];
    return addresses.some((address) => this.allowedPrivate.allows(address, port));
  }
}

/**
 * The URL with its query as it was given: its receiver may have signed it, or compare it. `URL` writes quotes and angles as %27 and
 * the like. What no request line can hold stays as `URL` writes it.
 */
function withQueryAsGiven(url: URL, text: string): string {
  const given = text.replace(/[\t\n\r]|[\0- ]+$/g, '');
  const at = given.indexOf('?');
  if (at === -1) return url.href;
  const query = given
    .slice(at)
    .toWellFormed()
    .replace(/[^!-~]+/gu, (run) => encodeURIComponent(run));
  const href = `${url.origin}${url.pathname}${query}`;
  // Whatever this misreads, nothing else is called than what was judged.
  return URL.parse(href)?.href === url.href && href.length <= MAX_URL_LENGTH ? href : url.href;
}

/** Of a host without a scheme: what was meant, but for the query, which may hold a token. Undefined for anything else. */
function notWhole(text: string): string | undefined {
  const [host] = WITHOUT_SCHEME.exec(text) ?? [];
  if (host === undefined) return undefined;
  const isLocal = /^(?:localhost|127\.)/i.test(host);
  const url = URL.parse(`${isLocal ? 'http' : 'https'}://${text}`);
  return url ? `write the whole URL: ${url.origin}${url.pathname}` : undefined;
}

function checkForm(url: URL, text: string): UrlVerdict | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return invalid(notWhole(text) ?? 'the scheme is not https:');
  if (url.username !== '' || url.password !== '')
    return invalid('the URL holds a user name or a password: use a header');
  // An empty fragment leaves `hash` empty, but its # in `href`.
  if (url.href.includes('#')) return invalid('the URL has a fragment, which is never sent: leave it out');
  if (url.href.length > MAX_URL_LENGTH) return invalid(`the URL is longer than ${MAX_URL_LENGTH} characters`);
  return undefined;
}

function checkLiteral(address: string): UrlVerdict | undefined {
  if (isPublicAddress(address)) return undefined;
  // Others nobody should be advised to open.
  const remedy = isUsableAddress(address)
    ? 'have the operator open it in RINGBACK_ALLOWED_PRIVATE'
    : undefined;
  return blocked('the address is not public', remedy);
}

function checkName(host: string): UrlVerdict | undefined {
  if (host.endsWith('.')) return invalidOrLocal(host, 'the host ends in a dot: leave it out');
  if (host === 'localhost' || LOCAL_SUFFIXES.some((suffix) => host.endsWith(suffix))) {
    return blocked('the host is a local name', OPERATORS_REMEDY);
  }
  if (!HOST_NAME.test(host)) return invalid('the host is not a name that DNS can hold');
  return host.includes('.')
    ? undefined
    : blocked('the host is a bare word', `use its full name, or ${OPERATORS_REMEDY}`);
}

/** `localhost.` is as blocked as `localhost`; of other names only the spelling is at fault. */
function invalidOrLocal(host: string, reason: string): UrlVerdict {
  const verdict = checkName(host.replace(/\.+$/, '') || 'localhost');
  return verdict ?? invalid(reason);
}

function matchesHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'http:' ? 80 : 443;
}

function blocked(fault: string, remedy?: string): UrlVerdict {
  const reason = remedy === undefined ? fault : `${fault}: ${remedy}`;
  return { accepted: false, code: 'blocked_destination', reason, fault };
}

function invalid(reason: string): UrlVerdict {
  return { accepted: false, code: 'invalid_url', reason, fault: reason };
}
