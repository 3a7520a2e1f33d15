import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccountsService } from './accounts/accounts.service.js';
import { ConsoleSessions } from './accounts/console-sessions.js';
import { FirstKeyFile } from './accounts/first-key-file.js';
import { AddressFile } from './address-file.js';
import { AppModule } from './app.module.js';
import { banner, type KeyPlace, readyLine } from './banner.js';
import {
  API_KEY_REMEDY,
  checkDirectUrl,
  checkProduction,
  closeInTime,
  loadHandlers,
  logFormat,
  toConfig,
} from './boot.js';
import type { RingbackConfig } from './config/config.js';
import { doubtfulVariables, type Env, readEnv } from './config/env.js';
import { SettingError } from './config/settings.js';
import { drain } from './drain.js';
import {
  DataFolderInUseError,
  EmbeddedPostgres,
  EmbeddedPostgresError,
} from './embedded-postgres/embedded-postgres.js';
import { checkFolders } from './folders.js';
import { createApp } from './http/create-app.js';
import { LineLogger } from './http/line-logger.js';
import { OperationTypes } from './operations/run/operation-types.js';
import { asPortError, checkPorts, freePort, wantedPorts, type WantedPort } from './ports.js';
import { QueueBackend } from './engine/queue-backend.js';

/**
 * How long one address of several may take to connect before the next is tried; milliseconds. Node's own half a second undercuts
 * what PostgreSQL, Redis, the object store and the upstream are given.
 */
const ADDRESS_MS = 2_500;

/**
 * How much the heap may grow before its old part is collected: V8 lets it become several times what is in use, which under load
 * is most of the memory of a process. Costs a few percent of its CPU.
 */
const HEAP_GROWTH = '--heap-growing-percent=60';

/** How it is started, besides its environment. */
export interface ServeOptions {
  /** False: as RINGBACK_MIGRATE=false. */
  readonly migrates?: boolean;
}

/** A service that runs in this process. */
export interface Running {
  readonly app: NestFastifyApplication;
  readonly config: RingbackConfig;
  /** A new link that logs in to the console, once; null where there is none. */
  readonly link: () => Promise<string | null>;
  /** Ends it in order, and the process with it. */
  readonly end: (code: number) => Promise<void>;
}

/** Runs Ringback as this process's environment says, until a signal ends it. */
export async function serve({ migrates = true }: ServeOptions = {}): Promise<Running> {
  let database: EmbeddedPostgres | undefined;
  let ports: WantedPort[] = [];
  try {
    const given = readEnv();
    const env = migrates ? given : { ...given, RINGBACK_MIGRATE: false };
    setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS);
    setFlagsFromString(HEAP_GROWTH);
    const logger = new LineLogger(env.RINGBACK_LOG_LEVEL, logFormat(env));
    for (const doubt of doubtfulVariables()) logger.warn(doubt, 'Boot');
    checkProduction(env);
    checkDirectUrl(env);
    const stopTracing = await tracing(env);
    const port = env.PORT === 0 ? await freePort(env.HOST) : env.PORT;
    // Before anything is stored or started, so that what is wrong costs nothing.
    // The folder first: a second start in it is told so, and not of its port.
    if (env.DATABASE_URL === undefined) EmbeddedPostgres.checkFree(env.RINGBACK_DATA_DIR);
    ports = wantedPorts(env, port);
    await checkPorts(ports);
    checkFolders(env);
    const checked = toConfig(env, env.DATABASE_URL ?? 'postgres://embedded', port);
    const handlers = await loadHandlers(checked.process.handlers);
    database = await embedded(env, logger);
    const config = toConfig(env, env.DATABASE_URL ?? database!.url, port);
    const app = await createApp(AppModule.forRoot(config, handlers), logger);
    await checkFirstKey(app, env);
    const open = holdRequests(app);
    await app.listen(port, config.http.host);
    // Only now: a start that couldn't listen must not have made a key that nobody has seen.
    const place = await firstKey(app, env, database !== undefined);
    const link = (): Promise<string | null> => loginLink(app, env, config, place);
    await tellReady(
      app,
      { env, config, place, link: await link(), isEmbedded: database !== undefined },
      logger,
    );
    open();
    const address = config.process.roles.has('api')
      ? new AddressFile(env.RINGBACK_DATA_DIR, config.http)
      : null;
    address?.write();
    return { app, config, link, end: endOnSignal(app, config, { database, stopTracing, address }, logger) };
  } catch (thrown) {
    await database?.stop();
    // Another process may have been quicker, between the check and the listening.
    const error = await asPortError(thrown, ports);
    const expected =
      error instanceof SettingError ||
      error instanceof DataFolderInUseError ||
      error instanceof EmbeddedPostgresError;
    console.error(expected ? `\n${error.message}\n` : error);
    // The stack of a handler module that cannot be loaded, for its author.
    if (error instanceof SettingError && error.cause !== undefined) console.error(error.cause);
    return process.exit(1);
  }
}

/** A key made in production would be printed into what becomes the log store. */
async function checkFirstKey(app: NestFastifyApplication, env: Env): Promise<void> {
  if (env.NODE_ENV !== 'production' || env.RINGBACK_API_KEY !== undefined) return;
  if (await app.get(AccountsService).hasKeys()) return;
  throw new SettingError(
    `RINGBACK_API_KEY is missing, and this database has no other key: ${API_KEY_REMEDY}`,
    { settings: ['RINGBACK_API_KEY'] },
  );
}

/** Tells people in development, and programs in production. */
async function tellReady(
  app: NestFastifyApplication,
  {
    env,
    config,
    place,
    link,
    isEmbedded,
  }: { env: Env; config: RingbackConfig; place: KeyPlace; link: string | null; isEmbedded: boolean },
  logger: LineLogger,
): Promise<void> {
  const trouble = await app.get(QueueBackend).trouble();
  if (env.NODE_ENV !== 'production') console.log(banner(config, { isEmbedded, place, link, trouble }));
  else {
    const types = app.get(OperationTypes).handled();
    const keyIds = await app.get(AccountsService).adminKeyIds();
    logger.log(readyLine(config, { handlers: types.map(({ name }) => name), keyIds, trouble }), 'Boot');
  }
}

/** Sends spans where an exporter is set; answers what stops that. */
async function tracing(env: Env): Promise<() => Promise<void>> {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return () => Promise.resolve();
  const { exportSpans } = await import('./tracing/exporter.js');
  return exportSpans(env.OTEL_EXPORTER_OTLP_ENDPOINT, env.OTEL_SERVICE_NAME);
}

async function embedded(env: Env, logger: LineLogger): Promise<EmbeddedPostgres | undefined> {
  if (env.DATABASE_URL !== undefined) return undefined;
  if (env.NODE_ENV === 'production') {
    throw new SettingError(
      'DATABASE_URL is missing: with NODE_ENV=production the embedded PostgreSQL is refused; name a PostgreSQL 14 or newer',
      { settings: ['DATABASE_URL'] },
    );
  }
  return EmbeddedPostgres.start({
    dataDir: env.RINGBACK_DATA_DIR,
    log: (line) => logger.debug(line, 'PostgreSQL'),
  });
}

/** Nobody is answered until the function that this returns is called: who finds the service ready finds its key made, too. */
function holdRequests(app: NestFastifyApplication): () => void {
  let held: (() => void)[] | null = [];
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (_request, _reply, done) => {
      if (held) held.push(done);
      else done();
    });
  return () => {
    for (const proceed of held ?? []) proceed();
    held = null;
  };
}

/** Sees to the first admin key where the database has none; answers where one is to be had. */
async function firstKey(app: NestFastifyApplication, env: Env, isEmbedded: boolean): Promise<KeyPlace> {
  const accounts = app.get(AccountsService);
  const file = isEmbedded ? new FirstKeyFile(env.RINGBACK_DATA_DIR) : null;
  const key = await accounts.makeFirstKey((made) => file?.write(made));
  if (key !== null) return { kind: 'made', key, path: file?.path ?? null };
  if (env.RINGBACK_API_KEY !== undefined) return { kind: 'given' };
  const kept = file?.read() ?? null;
  const holder = kept === null ? null : await accounts.holderOf(kept);
  return holder && file ? { kind: 'kept', path: file.path } : { kind: 'unknown' };
}

/** A link that logs in to the console, once and soon; null where there is none, as in production, whose output is kept. */
async function loginLink(
  app: NestFastifyApplication,
  env: Env,
  { http, console: { isOn }, process: { roles } }: RingbackConfig,
  place: KeyPlace,
): Promise<string | null> {
  if (env.NODE_ENV === 'production' || !isOn || !roles.has('api')) return null;
  const accounts = app.get(AccountsService);
  const holder = await accounts.holderOf(keyOf(place, env) ?? '').catch(() => null);
  const keyId = holder?.keyId ?? (await accounts.adminKeyIds())[0];
  return keyId === undefined
    ? null
    : `${http.publicUrl}/console/#login=${app.get(ConsoleSessions).link(keyId)}`;
}

function keyOf(place: KeyPlace, env: Env): string | null | undefined {
  if (place.kind === 'made') return place.key;
  return place.kind === 'kept' ? new FirstKeyFile(env.RINGBACK_DATA_DIR).read() : env.RINGBACK_API_KEY;
}

function endOnSignal(
  app: NestFastifyApplication,
  config: RingbackConfig,
  {
    database,
    stopTracing,
    address,
  }: {
    database: EmbeddedPostgres | undefined;
    stopTracing: () => Promise<void>;
    address: AddressFile | null;
  },
  logger: LineLogger,
): Running['end'] {
  let ending = false;
  const draining = new AbortController();
  const finish = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    address?.remove();
    await drain(app, config, { cut: draining.signal, logger });
    await closeInTime(app, config, logger);
    await Promise.race([stopTracing(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
    await database?.stop();
    process.exit(code);
  };
  // Somebody at the terminal has no balancer, and a second signal means now.
  const end = (code: number): Promise<void> => {
    draining.abort();
    return finish(code);
  };
  process.on('SIGTERM', () => void (ending ? end(0) : finish(0)));
  process.on('SIGINT', () => void end(0));
  void database?.exited.then((exit) => {
    logger.fatal(
      `the embedded PostgreSQL ended (${exit.signal ?? exit.code}); start Ringback again, it recovers`,
      'PostgreSQL',
    );
    void end(1);
  });
  return end;
}
