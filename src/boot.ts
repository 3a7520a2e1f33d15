import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DynamicModule, INestApplicationContext, LoggerService, Type } from '@nestjs/common';
import type { FilesConfig, RingbackConfig } from './config/config.js';
import type { Env } from './config/env.js';
import { parseSecretKeys } from './config/secret-keys.js';
import { parsable, SettingError } from './config/settings.js';
import { OPERATION_TYPE } from './operations/operation-type.js';

/** Seconds by which a lease outlives the longest attempt it covers. */
const LEASE_MARGIN_S = 5;

const SECRET_KEYS_REMEDY = `set it to the output of: node -p "'k1:'+crypto.randomBytes(32).toString('base64')"`;

/** Refuses a production that lacks settings, all of them at once. */
export function checkProduction(env: Env): void {
  if (env.NODE_ENV !== 'production') return;
  const missing: string[] = [];
  if (env.DATABASE_URL === undefined)
    missing.push('DATABASE_URL: name a PostgreSQL 14 or newer; the embedded one is refused');
  if (env.RINGBACK_SECRET_KEYS === undefined) missing.push(`RINGBACK_SECRET_KEYS: ${SECRET_KEYS_REMEDY}`);
  if (missing.length === 0) return;
  if (env.RINGBACK_API_KEY === undefined)
    missing.push(`RINGBACK_API_KEY, for the first start: ${API_KEY_REMEDY}`);
  throw new SettingError(
    `With NODE_ENV=production these are missing; set them and start again.\n  ${missing.join('\n  ')}`,
  );
}

/** How the first admin key is made. */
export const API_KEY_REMEDY = 'set it to the output of: echo "rb_$(openssl rand -hex 24)"';

/** Refuses a data folder, or one for files, that can't be written, before anything else meets it. */
export function checkFolders(env: Env): void {
  const { folder, s3 } = filesPlace(env);
  const needsData =
    env.DATABASE_URL === undefined || (s3 === undefined && env.RINGBACK_FILES_URL === undefined);
  if (needsData) checkFolder('RINGBACK_DATA_DIR', env.RINGBACK_DATA_DIR);
  if (s3 === undefined && env.RINGBACK_FILES_URL !== undefined) checkFolder('RINGBACK_FILES_URL', folder);
}

function checkFolder(setting: string, path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SettingError(
      `${setting}: the folder ${path} cannot be written (${code}): let this user write there, or name another`,
    );
  }
}

/** The configuration that an environment means, on the database at `databaseUrl`. Refuses what could lose work. */
export function toConfig(env: Env, databaseUrl: string, port: number): RingbackConfig {
  const embedded = env.DATABASE_URL === undefined;
  const production = env.NODE_ENV === 'production';
  const host = namedHost(env);
  if (env.RINGBACK_LEASE_S < env.RINGBACK_CALLBACK_TIMEOUT_S + LEASE_MARGIN_S) {
    throw new SettingError(
      `RINGBACK_LEASE_S (${env.RINGBACK_LEASE_S}) must be at least RINGBACK_CALLBACK_TIMEOUT_S (${env.RINGBACK_CALLBACK_TIMEOUT_S}) + ${LEASE_MARGIN_S}: raise it, or lower the timeout`,
    );
  }
  const timing = {
    leaseS: env.RINGBACK_LEASE_S,
    fastStart: env.RINGBACK_FAST_START,
    redispatchS: env.RINGBACK_REDISPATCH_S,
    pollMs: env.RINGBACK_POLL_MS,
  };
  return {
    http: {
      host: listenHost(env),
      port,
      publicUrl: (env.RINGBACK_PUBLIC_URL ?? `http://${host}:${port}`).replace(/\/+$/, ''),
      docs: env.RINGBACK_DOCS,
      bodyIdleS: env.RINGBACK_BODY_IDLE_S,
      bodyMinRate: env.RINGBACK_BODY_MIN_RATE,
      bodyRateWindowS: 30,
      answerIdleS: 60,
      connections: env.RINGBACK_CONNECTIONS,
      connectionsPerAddress: env.RINGBACK_CONNECTIONS_PER_ADDRESS,
    },
    database: { url: databaseUrl, poolSize: env.RINGBACK_DATABASE_POOL },
    queue: { redisUrls: env.REDIS_URL ?? [] },
    process: {
      roles: env.RINGBACK_ROLE,
      handlers: env.RINGBACK_HANDLERS,
      shutdownGraceS: env.RINGBACK_SHUTDOWN_GRACE_S,
    },
    operations: {
      ...timing,
      concurrency: env.RINGBACK_CONCURRENCY,
      thinOver: env.RINGBACK_THIN_OVER,
      ackByPoll: env.RINGBACK_ACK_BY_POLL,
      retention: env.RINGBACK_RETENTION,
      cancelGraceS: env.RINGBACK_CANCEL_GRACE_S,
      heldPerAccount: env.RINGBACK_HELD_PER_ACCOUNT,
      heartbeatS: env.RINGBACK_HEARTBEAT_S,
    },
    deliveries: {
      ...timing,
      concurrency: env.RINGBACK_DELIVERY_CONCURRENCY,
      originInFlight: env.RINGBACK_ORIGIN_IN_FLIGHT,
      timeoutS: env.RINGBACK_CALLBACK_TIMEOUT_S,
      deadlineS: env.RINGBACK_DELIVERY_DEADLINE_S,
      schedule: env.RINGBACK_RETRY_SCHEDULE,
    },
    egress: {
      allowedPrivate: env.RINGBACK_ALLOWED_PRIVATE ?? (embedded && !production ? '127.0.0.0/8,::1/128' : ''),
      allowedHosts: env.RINGBACK_ALLOWED_HOSTS,
      allowHttp: env.RINGBACK_ALLOW_HTTP,
      proxy: env.RINGBACK_EGRESS_PROXY,
      proxyResolves: env.RINGBACK_EGRESS_PROXY_RESOLVES,
      ca: env.RINGBACK_EGRESS_CA ?? [],
      httpHosts: httpHosts(env, production),
      httpBytes: env.RINGBACK_HTTP_BYTES,
      newHostsPerMinute: env.RINGBACK_NEW_HOSTS_PER_MINUTE,
    },
    secrets: { keys: secretKeys(env, embedded, production), sealBodies: env.RINGBACK_SEAL_BODIES },
    accounts: {
      slots: env.RINGBACK_SLOTS,
      quotaBytes: env.RINGBACK_QUOTA_BYTES,
      quotaWaiting: env.RINGBACK_QUOTA_WAITING,
      requestsPerS: env.RINGBACK_REQUESTS_PER_S,
      firstKey: env.RINGBACK_API_KEY,
      triesPerMinute: 60,
    },
    trm: {
      zeroId: env.RINGBACK_TRM_ZERO_ID,
      strict: env.RINGBACK_TRM_STRICT,
      requestsPerHour: env.RINGBACK_TRM_REQUESTS_PER_HOUR,
      tokenIdleS: 1800,
    },
    gateway: {
      upstream: env.RINGBACK_UPSTREAM,
      port: env.RINGBACK_GATEWAY_PORT,
      publicUrl: (env.RINGBACK_GATEWAY_PUBLIC_URL ?? `http://${host}:${env.RINGBACK_GATEWAY_PORT}`).replace(
        /\/+$/,
        '',
      ),
      idleS: env.RINGBACK_GATEWAY_IDLE_S,
      authUrl: env.RINGBACK_GATEWAY_AUTH_URL,
      open: env.RINGBACK_GATEWAY_OPEN,
      batchPaths: env.RINGBACK_BATCH_PATHS,
      types: env.RINGBACK_BGRS_TYPES,
      sharing: env.RINGBACK_BGRS_SHARING,
    },
    files: { ...filesPlace(env), keptS: env.RINGBACK_RETENTION.get('keep1m')! },
    housekeeping: {
      everyS: env.RINGBACK_HOUSEKEEPING_S,
      historyS: env.RINGBACK_HISTORY_RETENTION,
      auditS: env.RINGBACK_AUDIT_RETENTION,
    },
  };
}

/** Any public host while trying things out; in production somebody must have said so. */
function httpHosts({ RINGBACK_HTTP_HOSTS: named }: Env, production: boolean): string[] | undefined | null {
  if (named === undefined) return production ? null : undefined;
  return named.includes('*') ? undefined : named;
}

function namedHost({ HOST, NODE_ENV }: Env): string {
  return HOST ?? (NODE_ENV === 'production' ? '0.0.0.0' : '127.0.0.1');
}

/** The address that both listeners are bound to. */
export function listenHost(env: Env): string {
  const host = namedHost(env);
  // Fastify would make a second server for ::1 behind the name, without the limits of the first.
  return host === 'localhost' ? '127.0.0.1' : host;
}

function filesPlace(env: Env): Pick<FilesConfig, 'folder' | 's3'> {
  const folder = join(env.RINGBACK_DATA_DIR, 'files');
  const place = env.RINGBACK_FILES_URL ?? { folder };
  if ('folder' in place) return { folder: place.folder, s3: undefined };
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  return { folder, s3: { ...place, endpoint, region: env.AWS_REGION } };
}

function secretKeys(env: Env, embedded: boolean, production: boolean): string {
  if (env.RINGBACK_SECRET_KEYS !== undefined) return env.RINGBACK_SECRET_KEYS;
  if (!embedded || production) {
    throw new SettingError(`RINGBACK_SECRET_KEYS is missing; ${SECRET_KEYS_REMEDY}`);
  }
  const path = join(env.RINGBACK_DATA_DIR, 'secret-keys');
  if (!existsSync(path)) {
    mkdirSync(env.RINGBACK_DATA_DIR, { recursive: true });
    writeFileSync(path, `k1:${randomBytes(32).toString('base64')}`, { mode: 0o600, flag: 'wx' });
  }
  return keysIn(path);
}

function keysIn(path: string): string {
  try {
    return parsable(parseSecretKeys)(readFileSync(path, 'utf8').trim());
  } catch (error) {
    throw error instanceof SettingError ? new SettingError(`${path}: ${error.message}`) : error;
  }
}

/** How long the whole shutdown may take beyond the handlers' grace, seconds. */
const SHUTDOWN_MARGIN_S = 5;

/** Closes, but waits no longer than the shutdown may take. */
export async function closeInTime(
  app: INestApplicationContext,
  config: RingbackConfig,
  logger: LoggerService,
): Promise<void> {
  // Closing may hang while Redis is down; what it would still do is in the rows for others.
  const late = new Promise((resolve) =>
    setTimeout(resolve, (config.process.shutdownGraceS + SHUTDOWN_MARGIN_S) * 1000).unref(),
  );
  const closed = app
    .close()
    .catch((error: unknown) => logger.error(`closing failed: ${String(error)}`, 'Shutdown') as void);
  await Promise.race([closed, late]);
}

/** Imports the modules that RINGBACK_HANDLERS names. */
export async function loadHandlers(paths: readonly string[]): Promise<(Type | DynamicModule)[]> {
  return Promise.all(
    paths.map(async (path) => {
      const exported = await defaultExport(path);
      if (!isNestModule(exported))
        throw new SettingError(
          `RINGBACK_HANDLERS: "${path}" has no Nest module as its default export: export one`,
        );
      return exported;
    }),
  );
}

async function defaultExport(path: string): Promise<unknown> {
  try {
    return await ((await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }).default;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    // Node tells the line of a syntax error only when nobody catches it.
    const remedy = cause instanceof SyntaxError ? ` ("node ${path}" shows where)` : '';
    throw new SettingError(`RINGBACK_HANDLERS: "${path}" cannot be loaded: ${message}${remedy}`, { cause });
  }
}

/** Nest takes any class for a module: a handler's own class, exported without one, is told apart here. */
function isNestModule(exported: unknown): exported is Type | DynamicModule {
  if (typeof exported === 'function') return !Reflect.hasMetadata(OPERATION_TYPE, exported);
  return typeof exported === 'object' && exported !== null && 'module' in exported;
}
