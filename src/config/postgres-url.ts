import { SettingError } from './settings.js';

/** One of the servers that a URL names. */
export interface NamedServer {
  readonly host: string;
  /** Empty where the URL leaves it to the default. */
  readonly port: string;
  /** The URL of this server alone. */
  readonly url: string;
}

const SCHEME = /^postgres(?:ql)?:/;
const SHAPE = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)([^?#]*)(?:\?([^#]*))?$/;
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/;

/** What libpq takes as `target_session_attrs`, and Ringback can live with: it writes, whatever was asked for. */
const ATTRS = ['read-write', 'primary', 'any', 'prefer-standby'];
const OF_STANDBYS = ['standby', 'read-only'];

/** A URL as libpq reads it: several hosts may stand in it, `postgres://user:password@one:5432,two:5433/database`. */
export function postgresUrl(value: string): string {
  if (!SCHEME.test(value) || !serversOf(value).every(({ url }) => URL.canParse(url)))
    throw new SettingError('it is not a URL that starts with postgres: or postgresql:');
  const attrs = queryOf(value).get('target_session_attrs');
  if (attrs !== null && OF_STANDBYS.includes(attrs))
    throw new SettingError(
      `target_session_attrs=${attrs} asks for a server that takes no writes: use read-write`,
    );
  if (attrs !== null && !ATTRS.includes(attrs))
    throw new SettingError(`target_session_attrs is none of ${ATTRS.join(', ')}`);
  return value;
}

/** Whether the one server that takes writes is to be found among those that a URL names, or its name leads to. */
export function seeksPrimary(url: string): boolean {
  return queryOf(url).has('target_session_attrs') || serversOf(url).length > 1;
}

/** The servers that a URL names, in its order. Throws a `SettingError` where hosts and ports don't go together. */
export function serversOf(given: string): readonly NamedServer[] {
  const [, head, authority, path, search] = SHAPE.exec(given) ?? [];
  if (head === undefined) return [{ host: '', port: '', url: given }];
  const query = new URLSearchParams(search);
  const pairs = authority!.split(',').map((text) => HOST_AND_PORT.exec(text));
  if (pairs.includes(null)) throw new SettingError('one of its hosts is not of the form host:port');
  // As in libpq, what follows the question mark goes before.
  const hosts = query.get('host')?.split(',') ?? pairs.map((pair) => bare(pair![1]!));
  const ports = query.get('port')?.split(',') ?? pairs.map((pair) => pair![2] ?? '');
  if (ports.length > 1 && ports.length !== hosts.length)
    throw new SettingError(`it names ${hosts.length} hosts and ${ports.length} ports`);
  if (hosts.length === 1 && !query.has('target_session_attrs'))
    return [{ host: hosts[0]!, port: ports[0]!, url: given }];
  if (hosts.includes('')) throw new SettingError('one of its hosts is empty');
  for (const name of ['host', 'port', 'target_session_attrs']) query.delete(name);
  const rest = `${path}${query.size > 0 ? `?${query.toString()}` : ''}`;
  return hosts.map((host, index) => {
    const port = ports[index] ?? ports[0]!;
    return { host, port, url: `${head}${written(host)}${port === '' ? '' : `:${port}`}${rest}` };
  });
}

/** Hosts, ports and database, without user and password. */
export function placeOf(url: string): string {
  const servers = serversOf(url).map(({ host, port }) => (port === '' ? host : `${written(host)}:${port}`));
  return `${servers.join(',')}/${databaseOf(url)}`;
}

/** The database's name, empty where the URL has none. */
export function databaseOf(url: string): string {
  return decodeURIComponent((SHAPE.exec(url)?.[3] ?? '').slice(1));
}

/** The user's name, empty where the URL has none. */
export function userOf(url: string): string {
  const [, user = ''] = /^[a-z]+:\/\/([^:@/?#]*)(?::[^/?#]*)?@/.exec(url) ?? [];
  return decodeURIComponent(user);
}

function queryOf(url: string): URLSearchParams {
  return new URLSearchParams(SHAPE.exec(url)?.[4]);
}

function bare(host: string): string {
  try {
    return decodeURIComponent(host.replace(/^\[(.*)\]$/, '$1'));
  } catch {
    throw new SettingError('one of its hosts holds a % that is not written %25');
  }
}

/** As it stands in a URL: a socket's folder has slashes, an IPv6 address colons. */
function written(host: string): string {
  return host.includes(':') ? `[${host}]` : encodeURIComponent(host);
}
