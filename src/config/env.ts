import { resolve } from 'node:path';
import { parseAllowedHosts } from './allowed-hosts.js';
import { parseAllowedPrivate } from './allowed-private.js';
import { readHostPattern } from './host-patterns.js';
import { parseRetrySchedule } from './retry-schedule.js';
import { parseSecretKeys } from './secret-keys.js';
import {
  boolean,
  commaList,
  duration,
  existingFiles,
  filesUrl,
  httpProxy,
  number,
  oneOf,
  optional,
  origin,
  parsable,
  pemFile,
  retentionClasses,
  setting,
  SettingError,
  text,
  url,
  urls,
} from './settings.js';

/** The largest body of a callback that can be asked for, bytes. */
export const MOST_THIN_OVER = 16_777_216;

/** Less can be guessed by whoever may try for long. */
const LEAST_KEY_BITS = 60;
const MAKE_KEY = 'make one: RINGBACK_API_KEY="rb_$(openssl rand -hex 24)"';

/** Every environment variable that Ringback reads. docs/configuration.md and .env.example are generated from this table. */
export const SETTINGS = {
  NODE_ENV: setting(
    'development',
    'With `production`, Ringback listens on every interface by default and refuses to boot without RINGBACK_SECRET_KEYS, on an embedded database, or without RINGBACK_API_KEY where the database has no other key.',
    text,
  ),
  PORT: setting('8080', 'Port of the main listener; 0 takes a free one.', number(0, 65_535)),
  HOST: optional('127.0.0.1 (0.0.0.0 in production)', 'Address of the main listener.', text),
  DATABASE_URL: optional(
    'an embedded PostgreSQL in RINGBACK_DATA_DIR',
    'PostgreSQL 14 or newer, `postgres://user:password@host:5432/database`.',
    url('postgres:', 'postgresql:'),
  ),
  RINGBACK_DATABASE_POOL: setting(
    '20',
    'Connections to PostgreSQL per process, for rows (the PostgreSQL queue backend has a pool of its own of the same size).',
    number(4, 200),
  ),
  REDIS_URL: optional(
    'none: BullMQ runs on PostgreSQL',
    'Redis, Valkey or Dragonfly, `redis://host:6379`, or `rediss:` with TLS; a comma list of URLs is a Redis Cluster.',
    urls('redis:', 'rediss:'),
  ),
  RINGBACK_DATA_DIR: setting(
    '.ringback',
    'Folder of the embedded database, stored files and generated keys.',
    (value) => resolve(value),
  ),
  RINGBACK_ROLE: setting(
    'all',
    'What this process does: `all`, or a comma list of `api`, `worker`, `gateway`.',
    roles,
  ),
  RINGBACK_API_KEY: optional(
    'made and printed once, but never in production; with the embedded database it is also in `first-key` in RINGBACK_DATA_DIR',
    'An admin key, valid as long as it is set: `rb_` and at least 24 more characters that are hard to guess. Whatever it was before ends when a process with the role `api` starts.',
    apiKey,
  ),
  RINGBACK_PUBLIC_URL: optional(
    'http://HOST:PORT',
    'Base of the absolute links in answers and callbacks.',
    url('http:', 'https:'),
  ),
  RINGBACK_DOCS: setting(
    'true',
    'Serve the API documentation: `/docs`, `/openapi.json` and `/openapi.yaml`, to whoever asks.',
    boolean,
  ),
  RINGBACK_SECRET_KEYS: optional(
    'made once when the database is embedded',
    'Keys that encrypt signing secrets, callback headers, client certificates and what else docs/security.md names at rest: `id:base64(32 bytes),…`. The first one encrypts, all decrypt.',
    parsable(parseSecretKeys),
  ),
  RINGBACK_SEAL_BODIES: setting(
    'false',
    'Store the bodies of `http.request` and of requests in the background at the gateway encrypted too, with RINGBACK_SECRET_KEYS. Headers, queries and batches always are.',
    boolean,
  ),
  RINGBACK_ALLOWED_PRIVATE: optional(
    'loopback when the database is embedded, else none',
    'Private addresses that callbacks may reach: `cidr[:port],…`. Set but empty = none.',
    parsable(parseAllowedPrivate),
  ),
  RINGBACK_ALLOWED_HOSTS: setting(
    '',
    'Internal names that callbacks, endpoints and `http.request` may call, by http too and whatever private address they have: `receiver:5001,*.svc.cluster.local`, exact names or a leading `*.`, each with a port or for all of them. They are resolved as this machine does it, its hosts file included.',
    parsable(parseAllowedHosts),
    'none',
  ),
  RINGBACK_ALLOW_HTTP: setting(
    'false',
    'Allow `http:` callback URLs everywhere; without it only to what RINGBACK_ALLOWED_PRIVATE and RINGBACK_ALLOWED_HOSTS name.',
    boolean,
  ),
  RINGBACK_EGRESS_PROXY: optional(
    'none: requests leave directly',
    'Proxy through which callbacks, handshakes and `http.request` leave, by CONNECT for http: too: `http://user:password@proxy:3128`. Names are resolved and judged here, and it is asked for the address. The upstream, its auth URL, S3 and OTLP are not called through it; HTTP_PROXY and the like are never read.',
    httpProxy,
  ),
  RINGBACK_EGRESS_PROXY_RESOLVES: setting(
    'false',
    'Leave names to that proxy, where this machine resolves none: then only the proxy can refuse a name that leads to a private address.',
    boolean,
  ),
  RINGBACK_EGRESS_CA: optional(
    'none: those of Node, and of NODE_EXTRA_CA_CERTS',
    'A file of PEM certificates: authorities that callbacks, handshakes and `http.request` trust besides the usual ones.',
    pemFile,
  ),
  RINGBACK_NEW_HOSTS_PER_MINUTE: setting(
    '60',
    'Host names that an account may bring up a minute with its callback URLs and its `http.request`. One it used before is not new, and what RINGBACK_ALLOWED_PRIVATE and RINGBACK_ALLOWED_HOSTS name is not counted.',
    number(1, 1_000_000),
  ),
  RINGBACK_HTTP_HOSTS: optional(
    'any public host; in production none, and `http.request` is refused',
    'Hosts that `http.request` may call: a comma list, `*.example.com` allowed; `*` is any public host.',
    hosts,
  ),
  RINGBACK_HTTP_BYTES: setting(
    '67108864',
    'The largest response that `http.request` keeps, bytes; a larger one is `response_too_large`.',
    number(1, 1_099_511_627_776),
  ),
  RINGBACK_HANDLERS: setting(
    '',
    'ES modules with operation handlers, a comma list relative to the working directory. The default export of each is a Nest module.',
    existingFiles,
    'none',
  ),
  RINGBACK_CONCURRENCY: setting('50', 'Operations that run at once in this process.', number(1, 10_000)),
  RINGBACK_DELIVERY_CONCURRENCY: setting(
    '100',
    'Callback attempts in flight at once in this process. Those that only wait for slow, silent or unproven receivers are not counted, up to 10 times as many.',
    number(1, 10_000),
  ),
  RINGBACK_SLOTS: setting(
    '20',
    'Default slots of an account: how many of its operations may be Executing at once, over all processes.',
    number(1, 100_000),
  ),
  RINGBACK_QUOTA_BYTES: setting(
    '0',
    'Bytes that an account may have stored: files, inputs, results and the bodies of callbacks. Beyond it submits and uploads are answered 413 `quota-bytes`; 0 takes any. An account may have its own (`quota_bytes`), as of the next two settings.',
    number(0, Number.MAX_SAFE_INTEGER),
  ),
  RINGBACK_QUOTA_WAITING: setting(
    '0',
    'Operations that an account may have Waiting. Beyond it submits are answered 429 `quota-waiting`; 0 takes any.',
    number(0, 2_147_483_647),
  ),
  RINGBACK_REQUESTS_PER_S: setting(
    '0',
    'Requests that an account may make a second, counted per process; fractions allowed. Beyond it they are answered 429 `rate-limited`; 0 takes any.',
    number(0, 1_000_000, false),
  ),
  RINGBACK_ORIGIN_IN_FLIGHT: setting(
    '10',
    'Callback attempts, and as many requests of `http.request`, in flight at once to one origin (scheme, host and port), over all processes. Where several receivers are at one origin, a part is kept for those that answer.',
    number(1, 10_000),
  ),
  RINGBACK_FAST_START: setting(
    'true',
    'Whether an operation gets its slot when it is accepted and a callback its first attempt when its operation ends, where there is room and nobody waits; `false`: all of them wait for the dispatcher.',
    boolean,
  ),
  RINGBACK_LEASE_S: setting(
    '30',
    'Seconds until the work of a worker that went silent is given to another; at least RINGBACK_CALLBACK_TIMEOUT_S + 5.',
    number(0.5, 3600, false),
  ),
  RINGBACK_REDISPATCH_S: setting(
    '15',
    'Seconds until a hint counts as lost and is sent again: for operations 3 at the most where no job waits in the queue, and four times as many while some do.',
    number(0.1, 3600, false),
  ),
  RINGBACK_POLL_MS: setting(
    '750',
    'How often the dispatcher looks for due rows when nothing wakes it, in milliseconds, ± 25 %.',
    number(10, 60_000),
  ),
  RINGBACK_RETRY_SCHEDULE: setting(
    '5,300,1800,7200,18000,36000,50400,72000,86400',
    'Seconds before callback attempt 2, 3, …, each ± 20 %; fractions allowed.',
    parseRetrySchedule,
  ),
  RINGBACK_ACK_BY_POLL: setting(
    'false',
    "Default of `ack_by_poll`: a caller that has read how its operation ended needs no callback of it any more, so reading that ends the callback's attempts.",
    boolean,
  ),
  RINGBACK_THIN_OVER: setting(
    '262144',
    "Bytes: a larger body of a callback leaves `result` out, and says so by `result_omitted`; `links.result` has it. `thin_over` of an endpoint or of an operation's callback goes before.",
    number(0, MOST_THIN_OVER),
  ),
  RINGBACK_DELIVERY_DEADLINE_S: setting(
    '604800',
    'Seconds after which no further attempt of a delivery is planned, whatever made it late; the time that it is held is not counted, and a schedule that is longer has its own length.',
    number(1, 31_622_400, false),
  ),
  RINGBACK_CALLBACK_TIMEOUT_S: setting(
    '15',
    'Seconds for one callback attempt, the response body included.',
    number(0.05, 600, false),
  ),
  RINGBACK_BODY_IDLE_S: setting(
    '15',
    'Seconds that the body of a request may stand still, at both listeners. Then it is answered 408 and the connection closed.',
    number(0.1, 3600, false),
  ),
  RINGBACK_BODY_MIN_RATE: setting(
    '1024',
    'Bytes a second that the body of a request must come with over any 30 s, at both listeners, also where it is passed through; 0 takes any rate. Time in which it is not read, since whoever takes it is slow, is not counted.',
    number(0, 1_000_000_000),
  ),
  RINGBACK_CONNECTIONS: setting(
    '10000',
    'Connections that each listener may have open at once; the next one is answered 503, or closed. The limit of open files (`ulimit -n`) must leave room for them.',
    number(1, 1_000_000),
  ),
  RINGBACK_CONNECTIONS_PER_ADDRESS: setting(
    '1000',
    'Of those, the connections of one client address (of IPv6: one /64 network); the next one is answered 429, or closed. Behind a proxy all connections come from its address: set it to RINGBACK_CONNECTIONS there.',
    number(1, 1_000_000),
  ),
  RINGBACK_HELD_PER_ACCOUNT: setting(
    '200',
    'Answers that an account may have held at once in this process: `wait`, `Prefer: wait` and history streams. Beyond it the answer comes at once, with Retry-After.',
    number(0, 100_000),
  ),
  RINGBACK_HEARTBEAT_S: setting(
    '15',
    'Seconds between the heartbeats of a history stream.',
    number(0.05, 3600, false),
  ),
  RINGBACK_CANCEL_GRACE_S: setting(
    '5',
    'Seconds that a running handler gets to stop after its AbortSignal fired because its operation is canceled; then it is Canceled all the same.',
    number(0, 600, false),
  ),
  RINGBACK_SHUTDOWN_GRACE_S: setting(
    '3',
    'Seconds that running handlers get to finish on SIGTERM before their AbortSignal fires.',
    number(0, 3600, false),
  ),
  RINGBACK_FILES_URL: optional(
    'the folder `files` in RINGBACK_DATA_DIR',
    'Where results and uploads are stored: `file:///path`, or `s3://bucket/prefix` on any S3-compatible server. Credentials come from the standard AWS variables, files and roles.',
    filesUrl,
  ),
  AWS_ENDPOINT_URL_S3: optional(
    'AWS_ENDPOINT_URL, else AWS itself',
    'The S3-compatible server that is not AWS, `https://s3.example.com`; buckets are then named in the path.',
    url('http:', 'https:'),
  ),
  AWS_ENDPOINT_URL: optional(
    'AWS itself',
    'Read where AWS_ENDPOINT_URL_S3 is not set.',
    url('http:', 'https:'),
  ),
  AWS_REGION: optional(
    'that of the AWS profile, else us-east-1',
    'Region of the bucket. Many other servers take any.',
    text,
  ),
  RINGBACK_UPSTREAM: optional(
    'none: no gateway',
    "The provider's API behind the gateway: scheme, host and port, `http://127.0.0.1:3000`. Workers need it too.",
    origin,
  ),
  RINGBACK_GATEWAY_PORT: setting('8081', 'Port of the gateway.', number(1, 65_535)),
  RINGBACK_GATEWAY_PUBLIC_URL: optional(
    'http://HOST:RINGBACK_GATEWAY_PORT',
    'Base of the links to the gateway: `Location`, and the progress URL that the upstream gets.',
    url('http:', 'https:'),
  ),
  RINGBACK_GATEWAY_IDLE_S: setting(
    '600',
    'Seconds that a request which is passed through may stand still, without a byte to or from the upstream: then it is answered 502, or cut. The body of one for the background is bounded by RINGBACK_BODY_IDLE_S as well.',
    number(0.1, 86_400, false),
  ),
  RINGBACK_GATEWAY_AUTH_URL: optional(
    'none: only API keys are credentials',
    "Asked with the caller's headers whether they are a valid credential: a 2xx says yes, and its `X-User-Id` becomes `user_id`.",
    url('http:', 'https:'),
  ),
  RINGBACK_GATEWAY_OPEN: setting(
    'false',
    'Background requests and reads at the gateway need no credential.',
    boolean,
  ),
  RINGBACK_BATCH_PATHS: setting(
    '/batch',
    'Paths of the gateway where a JSON array is a list of requests, a comma list.',
    commaList,
  ),
  RINGBACK_BGRS_TYPES: setting(
    'strings',
    'Values in the bgrs face: `strings`, or `numbers` where they are numbers.',
    oneOf('strings', 'numbers'),
  ),
  RINGBACK_BGRS_SHARING: setting(
    'any',
    'Who may read an operation of the bgrs face by its rid: `any` valid credential, or its `owner`.',
    oneOf('any', 'owner'),
  ),
  RINGBACK_RETENTION: setting(
    'keep1d=1d,keep1w=7d,keep1m=30d',
    'Retention classes and how long each keeps the input and the result of an ended operation; `keep1m` is the default class, and that of uploads.',
    retentionClasses,
  ),
  RINGBACK_TRM_REQUESTS_PER_HOUR: setting(
    '1000',
    'Requests an account may make an hour on the trm face, counted per process; auth calls are free. A client that polls every 2 s alone makes 1800.',
    number(1, 10_000_000),
  ),
  RINGBACK_TRM_STRICT: setting(
    'false',
    'Refuse fields that an operation type, or a route of the trm face, does not have. Otherwise they are ignored there: its clients send more than is needed.',
    boolean,
  ),
  RINGBACK_TRM_ZERO_ID: setting(
    'false',
    'Show `requestid` 0 for ended operations of the trm face on poll and in callbacks too, not only in inline answers.',
    boolean,
  ),
  RINGBACK_HISTORY_RETENTION: setting(
    '90d',
    'How long after its end an operation is known at all: then its row, history, deliveries and attempts are deleted (units s, m, h, d). Never sooner than its retention class says.',
    duration,
  ),
  RINGBACK_AUDIT_RETENTION: setting(
    '365d',
    'How long an entry of the audit is kept (units s, m, h, d).',
    duration,
  ),
  RINGBACK_HOUSEKEEPING_S: setting(
    '60',
    'Seconds between two rounds of housekeeping, which deletes what has expired. One process at a time does it.',
    number(0.05, 86_400, false),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    'none: no spans are recorded',
    'Where traces are sent by OTLP over HTTP, `http://collector:4318`.',
    url('http:', 'https:'),
  ),
  OTEL_SERVICE_NAME: setting('ringback', 'The name of this service in traces.', text),
  RINGBACK_LOG_LEVEL: setting(
    'info',
    'Least level that is logged.',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  ),
} as const;

type Settings = typeof SETTINGS;

/** The environment, read and typed. */
export type Env = { readonly [K in keyof Settings]: ReturnType<Settings[K]['read']> };

/** The parts of Ringback that a process can be. */
export type Role = 'api' | 'worker' | 'gateway';

function roles(value: string): ReadonlySet<Role> {
  const known: readonly string[] = ['api', 'worker', 'gateway'];
  const asked = commaList(value);
  if (asked.includes('all')) return new Set<Role>(['api', 'worker', 'gateway']);
  const wrong = asked.find((role) => !known.includes(role));
  if (wrong !== undefined || asked.length === 0)
    throw new SettingError(`"${wrong ?? value}" is none of all, ${known.join(', ')}`);
  return new Set(asked as Role[]);
}

function hosts(value: string): string[] {
  const patterns = commaList(value);
  for (const pattern of patterns) if (pattern !== '*') readHostPattern(pattern);
  return patterns;
}

function apiKey(value: string): string {
  const text = /^rb_([A-Za-z0-9_-]{24,200})$/.exec(value)?.[1];
  if (text === undefined) {
    throw new SettingError(`it must be rb_ and at least 24 more letters, digits, _ or -; ${MAKE_KEY}`);
  }
  if (bitsOf(text) < LEAST_KEY_BITS) {
    throw new SettingError(`it is too easy to guess, since its characters vary too little; ${MAKE_KEY}`);
  }
  return value;
}

/** What a text is worth at most as a secret: its characters' entropy, for as many as are no repetition of what stands before. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / text.length);
  const entropy = shares.reduce((sum, share) => sum - share * Math.log2(share), 0);
  const pairs = new Set(Array.from(text.slice(1), (character, at) => text[at]! + character));
  return entropy * (pairs.size + 1);
}

/**
 * Reads the environment, or throws one `SettingError` that lists every variable that is wrong.
 * An empty variable counts as unset, but for RINGBACK_ALLOWED_PRIVATE, where empty means "none".
 */
export function readEnv(
  source: Record<string, string | undefined> = process.env,
  complaint = 'The environment is wrong; mend it and start again.',
): Env {
  const wrong: string[] = [];
  const env: Record<string, unknown> = {};
  for (const [name, { fallback, read }] of Object.entries(SETTINGS)) {
    const given = source[name];
    const value =
      given === undefined || (given === '' && name !== 'RINGBACK_ALLOWED_PRIVATE') ? fallback : given;
    try {
      env[name] = value === undefined ? undefined : (read as (text: string) => unknown)(value);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      wrong.push(`${name}: ${error.message}`);
    }
  }
  if (wrong.length > 0) throw new SettingError(`${complaint}\n  ${wrong.join('\n  ')}`);
  return env as unknown as Env;
}

/** The environment's variables of the object store, for those who read no other: its SDK takes credentials from there anyway. */
export function objectStoreVariables(
  source: Record<string, string | undefined> = process.env,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.keys(SETTINGS)
      .filter((name) => name.startsWith('AWS_'))
      .map((name) => [name, source[name]]),
  );
}

/** Variables that look like Ringback's and aren't: a typing error that would otherwise pass in silence. */
export function unknownVariables(source: Record<string, string | undefined> = process.env): string[] {
  return Object.keys(source).filter((name) => name.startsWith('RINGBACK_') && !(name in SETTINGS));
}

/** DATABASE_URL as it stands, for the migration command, which needs nothing else. */
export function givenDatabaseUrl(): string {
  return process.env.DATABASE_URL ?? 'postgres://localhost/ringback';
}
