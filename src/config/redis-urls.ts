import { commaList, SettingError } from './settings.js';

/** Where a server listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Whom Redis lets in, and whether by TLS. */
export interface RedisAccess {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

/** What REDIS_URL names: one server, a cluster by some of its nodes, or a primary by who watches it. */
export type RedisPlace =
  | { readonly kind: 'server'; readonly url: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly HostPort[]; readonly access: RedisAccess }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly HostPort[];
      readonly name: string;
      readonly db: number;
      readonly access: RedisAccess;
      /** Of the sentinels themselves, where they ask for one. */
      readonly sentinelUsername?: string;
      readonly sentinelPassword?: string;
    };

const SEVERAL =
  /^(?<scheme>rediss?)\+(?<kind>cluster|sentinel):\/\/(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^@/?]+)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/;
const HOST = /^(?<host>\[[0-9A-Fa-f:.]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/;
const FORMS = 'redis+cluster://host:6379,host:6379 or redis+sentinel://:password@host:26379,host:26379/name';

/** The URLs of REDIS_URL, as they are kept: one, or a comma list of a cluster's nodes. */
export function redisUrls(value: string): string[] {
  if (/^\s*rediss?\+/.test(value)) {
    redisPlace([value.trim()]);
    return [value.trim()];
  }
  const given = commaList(value);
  if (given.every((one) => /^rediss?:$/.test(URL.parse(one)?.protocol ?? ''))) return given;
  throw new SettingError(
    'it is not a URL that starts with redis: or rediss:, nor one of several servers, which starts with redis+cluster: or redis+sentinel:',
  );
}

/** What URLs name that `redisUrls` has taken. */
export function redisPlace(given: readonly string[]): RedisPlace {
  const [first] = given;
  const several = SEVERAL.exec(first!)?.groups;
  if (several) return severalServers(several);
  if (/^rediss?\+/.test(first!)) throw new SettingError(`it is not of the form ${FORMS}`);
  if (given.length === 1) return { kind: 'server', url: first! };
  const nodes = given.map((url) => hostPort(new URL(url).host, 6379));
  const { protocol, username, password } = new URL(first!);
  return { kind: 'cluster', nodes, access: accessOf(protocol === 'rediss:', username, password) };
}

/** Its servers, without users and passwords. */
export function redisHosts(place: RedisPlace): string {
  if (place.kind === 'server') return new URL(place.url).host;
  const servers = place.kind === 'cluster' ? place.nodes : place.sentinels;
  return servers.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(', ');
}

function severalServers(parts: Record<string, string | undefined>): RedisPlace {
  const { scheme, kind, user = '', password = '', hosts, path = '/', query = '' } = parts;
  const access = accessOf(scheme === 'rediss', user, password);
  const servers = hosts!.split(',').map((host) => hostPort(host, kind === 'cluster' ? 6379 : 26_379));
  const options = new URLSearchParams(query);
  if (kind === 'cluster') {
    if (path !== '/' && path !== '/0') throw new SettingError('a cluster has no other database than 0');
    refuseOthers(options, []);
    return { kind, nodes: servers, access };
  }
  const [, name, db] = /^\/([^/]+)(?:\/(\d{1,5}))?\/?$/.exec(path) ?? [];
  if (name === undefined)
    throw new SettingError(
      'the name by which sentinels know the primary is missing, and behind it may be a database: write …/name or …/name/0',
    );
  refuseOthers(options, ['sentinel_username', 'sentinel_password']);
  const [sentinelUsername, sentinelPassword] = ['sentinel_username', 'sentinel_password'].map(
    (option) => options.get(option) ?? undefined,
  );
  return {
    kind: 'sentinel',
    sentinels: servers,
    name: decoded(name),
    db: Number(db ?? 0),
    access,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}

/** A typing error that would otherwise pass in silence. What is given may hold a password, and is not repeated. */
function refuseOthers(options: URLSearchParams, known: readonly string[]): void {
  if ([...options.keys()].every((name) => known.includes(name))) return;
  throw new SettingError(
    known.length === 0
      ? 'its query is no part of it: leave it out'
      : `its query may have ${known.join(' and ')} only`,
  );
}

function hostPort(text: string, defaultPort: number): HostPort {
  const { host, port } = HOST.exec(text)?.groups ?? {};
  const number = Number(port ?? defaultPort);
  if (host === undefined || number === 0 || number > 65_535)
    throw new SettingError(`one of its servers is not of the form host:port; write ${FORMS}`);
  return { host: host.replaceAll(/[[\]]/g, ''), port: number };
}

function accessOf(tls: boolean, username: string, password: string): RedisAccess {
  return {
    tls,
    ...(username === '' ? {} : { username: decoded(username) }),
    ...(password === '' ? {} : { password: decoded(password) }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SettingError('a name or password in it holds a % that is not written %25');
  }
}
