import { createServer } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccountsService } from './accounts/accounts.service.js';
import { AppModule } from './app.module.js';
import { closeInTime, loadHandlers, toConfig } from './boot.js';
import type { RingbackConfig } from './config/config.js';
import { type Env, readEnv, unknownVariables } from './config/env.js';
import { SettingError } from './config/settings.js';
import {
  DataFolderInUseError,
  EmbeddedPostgres,
  EmbeddedPostgresError,
} from './database/embedded-postgres.js';
import { createApp } from './http/create-app.js';
import { JsonLogger } from './http/json-logger.js';

/** Runs Ringback as this process's environment says, until a signal ends it. */
export async function serve(): Promise<void> {
  let database: EmbeddedPostgres | undefined;
  try {
    const env = readEnv();
    const logger = new JsonLogger(env.RINGBACK_LOG_LEVEL);
    for (const name of unknownVariables())
      logger.warn(`${name} is no setting of Ringback's: check its spelling in docs/configuration.md`, 'Boot');
    const stopTracing = await tracing(env);
    const port = env.PORT === 0 ? await freePort(env.HOST) : env.PORT;
    // Before anything is started, so that a wrong setting costs nothing.
    const checked = toConfig(env, env.DATABASE_URL ?? 'postgres://embedded', port);
    const handlers = await loadHandlers(checked.process.handlers);
    database = await embedded(env, logger);
    const config = toConfig(env, env.DATABASE_URL ?? database!.url, port);
    const app = await createApp(AppModule.forRoot(config, handlers), logger);
    await app.listen(port, config.http.host);
    announce(app, config, database !== undefined);
    endOnSignal(app, config, { database, stopTracing }, logger);
  } catch (error) {
    await database?.stop();
    const expected =
      error instanceof SettingError ||
      error instanceof DataFolderInUseError ||
      error instanceof EmbeddedPostgresError;
    console.error(expected ? `\n${error.message}\n` : error);
    // The stack of a handler module that cannot be loaded, for its author.
    if (error instanceof SettingError && error.cause !== undefined) console.error(error.cause);
    process.exit(1);
  }
}

/** Sends spans where an exporter is set; answers what stops that. */
async function tracing(env: Env): Promise<() => Promise<void>> {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return () => Promise.resolve();
  const { exportSpans } = await import('./tracing/exporter.js');
  return exportSpans(env.OTEL_EXPORTER_OTLP_ENDPOINT, env.OTEL_SERVICE_NAME);
}

async function embedded(env: Env, logger: JsonLogger): Promise<EmbeddedPostgres | undefined> {
  if (env.DATABASE_URL !== undefined) return undefined;
  if (env.NODE_ENV === 'production') {
    throw new SettingError(
      'DATABASE_URL is missing: with NODE_ENV=production the embedded PostgreSQL is refused; name a PostgreSQL 14 or newer',
    );
  }
  return EmbeddedPostgres.start({
    dataDir: env.RINGBACK_DATA_DIR,
    log: (line) => logger.debug(line, 'PostgreSQL'),
  });
}

function announce(
  app: NestFastifyApplication,
  { http, egress, gateway, process: { roles } }: RingbackConfig,
  isEmbedded: boolean,
): void {
  const { firstKey } = app.get(AccountsService);
  const lines = ['', `Ringback is ready: ${http.publicUrl} (docs at ${http.publicUrl}/docs)`];
  if (gateway.upstream !== undefined && roles.has('gateway'))
    lines.push(`The gateway in front of ${gateway.upstream}: ${gateway.publicUrl}`);
  if (isEmbedded && egress.allowedPrivate !== '')
    lines.push(`Callbacks may reach ${egress.allowedPrivate} here; production allows public addresses only.`);
  if (firstKey !== null) lines.push('', `Your first API key, shown this once: ${firstKey}`);
  lines.push(
    '',
    'Submit an operation that calls back (npm run receiver shows what arrives on port 9000):',
    '',
    `  curl -sS ${http.publicUrl}/v1/operations -H 'Authorization: Bearer ${firstKey ?? 'rb_YOUR_KEY'}' -H 'Content-Type: application/json' \\`,
    `    -d '{"type":"echo","input":{"hello":"world"},"callback":{"url":"http://127.0.0.1:9000/"}}'`,
    '',
  );
  console.log(lines.join('\n'));
}

function endOnSignal(
  app: NestFastifyApplication,
  config: RingbackConfig,
  { database, stopTracing }: { database: EmbeddedPostgres | undefined; stopTracing: () => Promise<void> },
  logger: JsonLogger,
): void {
  let ending = false;
  const end = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    await closeInTime(app, config, logger);
    await Promise.race([stopTracing(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
    await database?.stop();
    process.exit(code);
  };
  process.on('SIGTERM', () => void end(0));
  process.on('SIGINT', () => void end(0));
  void database?.exited.then((exit) => {
    logger.fatal(
      `the embedded PostgreSQL ended (${exit.signal ?? exit.code}); start Ringback again, it recovers`,
      'PostgreSQL',
    );
    void end(1);
  });
}

function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
