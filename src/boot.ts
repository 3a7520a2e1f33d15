import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DynamicModule, INestApplicationContext, LoggerService, Type } from '@nestjs/common';
import {
  AccountConfig,
  ConsoleConfig,
  DatabaseConfig,
  DeliveryConfig,
  EgressConfig,
  GatewayConfig,
  HousekeepingConfig,
  HttpConfig,
  OperationConfig,
  ProcessConfig,
  QstashConfig,
  type RingbackConfig,
  SecretConfig,
  TrmConfig,
} from './config/config.js';
import { type Env, valuesOf } from './config/env.js';
import { SettingError } from './config/settings.js';
import { filesPlace } from './folders.js';
import { SECRET_KEYS_REMEDY, secretKeys } from './kept-secret-keys.js';
import { OPERATION_TYPE } from './operations/run/operation-type.js';

/** Seconds by which a lease outlives the longest attempt it covers. */
const LEASE_MARGIN_S = 5;

/** Beside the built program; tests run the sources, and take what was built all the same. */
const BUILT_CONSOLE = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../dist/console' : '../console', import.meta.url),
);

/** Refuses a production that lacks settings, all of them at once. */
export function checkProduction(env: Env): void {
  if (env.NODE_ENV !== 'production') return;
  const missing = new Map<string, string>();
  if (env.DATABASE_URL === undefined)
    missing.set('DATABASE_URL', ': name a PostgreSQL 14 or newer; the embedded one is refused');
  if (env.RINGBACK_SECRET_KEYS === undefined) missing.set('RINGBACK_SECRET_KEYS', `: ${SECRET_KEYS_REMEDY}`);
  if (missing.size === 0) return;
  if (env.RINGBACK_API_KEY === undefined)
    missing.set('RINGBACK_API_KEY', `, for the first start: ${API_KEY_REMEDY}`);
  const lines = [...missing].map(([name, remedy]) => `${name}${remedy}`);
  throw new SettingError(
    `With NODE_ENV=production these are missing; set them and start again.\n  ${lines.join('\n  ')}`,
    { settings: [...missing.keys()] },
  );
}

/** Refuses a way past a pooler where none can be: an embedded PostgreSQL is connected to as it is. */
export function checkDirectUrl({ DATABASE_URL, RINGBACK_DIRECT_URL }: Env): void {
  if (RINGBACK_DIRECT_URL === undefined || DATABASE_URL !== undefined) return;
  throw new SettingError(
    'RINGBACK_DIRECT_URL: it leads past a pooler to the database of DATABASE_URL, which is missing: set both, or neither',
    { settings: ['RINGBACK_DIRECT_URL'] },
  );
}

/** How the first admin key is made. */
export const API_KEY_REMEDY = 'set it to the output of: echo "rb_$(openssl rand -hex 24)"';

/** How the log is written: for people where one looks on. */
export function logFormat({ RINGBACK_LOG_FORMAT: asked, NODE_ENV }: Env): 'json' | 'pretty' {
  if (asked !== 'auto') return asked;
  return process.stdout.isTTY && NODE_ENV !== 'production' ? 'pretty' : 'json';
}

/** The configuration that an environment means, on the database at `databaseUrl`. Refuses what could lose work. */
export function toConfig(env: Env, databaseUrl: string, port: number): RingbackConfig {
  const embedded = env.DATABASE_URL === undefined;
  const production = env.NODE_ENV === 'production';
  const host = namedHost(env);
  refuseShortLease(env);
  return {
    process: valuesOf(ProcessConfig, env),
    http: {
      ...valuesOf(HttpConfig, env),
      host: listenHost(env),
      port,
      publicUrl: withoutSlash(env.RINGBACK_PUBLIC_URL ?? `http://${host}:${port}`),
      bodyRateWindowS: 30,
      answerIdleS: 60,
    },
    console: {
      ...valuesOf(ConsoleConfig, env),
      folder: BUILT_CONSOLE,
      inbox: env.RINGBACK_CONSOLE && !production,
      idleS: 1_800,
      sessionS: 43_200,
      linkS: 600,
    },
    database: {
      ...valuesOf(DatabaseConfig, env),
      url: databaseUrl,
      directUrl: env.RINGBACK_DIRECT_URL ?? databaseUrl,
    },
    queue: { redisUrls: env.REDIS_URL ?? [] },
    secrets: { ...valuesOf(SecretConfig, env), keys: secretKeys(env) },
    accounts: {
      ...valuesOf(AccountConfig, env),
      firstKey: env.RINGBACK_API_KEY,
      triesPerMinute: 60,
      loginsPerMinute: 5,
    },
    operations: valuesOf(OperationConfig, env),
    deliveries: valuesOf(DeliveryConfig, env),
    egress: {
      ...valuesOf(EgressConfig, env),
      allowedPrivate: env.RINGBACK_ALLOWED_PRIVATE ?? (embedded && !production ? '127.0.0.0/8,::1/128' : ''),
      ca: env.RINGBACK_EGRESS_CA ?? [],
      httpHosts: httpHosts(env, production),
    },
    files: { ...filesPlace(env), keptS: env.RINGBACK_RETENTION.get('keep1m')! },
    housekeeping: valuesOf(HousekeepingConfig, env),
    gateway: {
      ...valuesOf(GatewayConfig, env),
      publicUrl: withoutSlash(
        env.RINGBACK_GATEWAY_PUBLIC_URL ?? `http://${host}:${env.RINGBACK_GATEWAY_PORT}`,
      ),
    },
    trm: { ...valuesOf(TrmConfig, env), tokenIdleS: 1800 },
    qstash: valuesOf(QstashConfig, env),
  };
}

/** Any public host while trying things out; in production somebody must have said so. */
function httpHosts({ RINGBACK_HTTP_HOSTS: named }: Env, production: boolean): string[] | undefined | null {
  if (named === undefined) return production ? null : undefined;
  return named.includes('*') ? undefined : named;
}

function refuseShortLease({ RINGBACK_LEASE_S: lease, RINGBACK_CALLBACK_TIMEOUT_S: timeout }: Env): void {
  if (lease >= timeout + LEASE_MARGIN_S) return;
  throw new SettingError(
    (named) =>
      `${named('RINGBACK_LEASE_S')} (${lease}) must be at least ${named('RINGBACK_CALLBACK_TIMEOUT_S')} (${timeout}) + ${LEASE_MARGIN_S}: raise it, or lower the timeout`,
    { settings: ['RINGBACK_LEASE_S'] },
  );
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
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

/** How long the whole shutdown may take beyond the handlers' grace, seconds. */
const SHUTDOWN_MARGIN_S = 5;

/** Closes, but waits no longer than the shutdown may take. */
export async function closeInTime(
  app: INestApplicationContext,
  config: RingbackConfig,
  logger: LoggerService,
): Promise<void> {
  // Should anything hang: what closing would still do is in the rows for others.
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
          { settings: ['RINGBACK_HANDLERS'] },
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
    throw new SettingError(`RINGBACK_HANDLERS: "${path}" cannot be loaded: ${message}${remedy}`, {
      settings: ['RINGBACK_HANDLERS'],
      cause,
    });
  }
}

/** Nest takes any class for a module: a handler's own class, exported without one, is told apart here. */
function isNestModule(exported: unknown): exported is Type | DynamicModule {
  if (typeof exported === 'function') return !Reflect.hasMetadata(OPERATION_TYPE, exported);
  return typeof exported === 'object' && exported !== null && 'module' in exported;
}
