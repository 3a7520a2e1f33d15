import { Logger } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { serversOf } from '../config/postgres-url.js';
import { SettingError } from '../config/settings.js';
import { VERSION } from '../config/version.js';
import { Database } from './database.js';
import { migrate } from './migrate.js';
import { asMissingRight } from './rights.js';
import { type Newer, schemaState } from './schema-state.js';

const OLDEST_POSTGRES = 14;

/** `directUrl` is where migrations go, past a pooler. */
export type ConnectOptions = PostgresDataSourceOptions & { readonly directUrl?: string };

/**
 * Connects and applies pending migrations; with `migrationsRun` false it refuses a schema that is behind. Several processes may
 * start at once: they wait for each other.
 */
export async function connect(given: DataSourceOptions): Promise<DataSource> {
  const { migrationsRun = true, directUrl, ...options } = given as ConnectOptions;
  const dataSource = await new DataSource(options).initialize();
  try {
    await checkServer(dataSource);
    const { pending, newer } = await schemaState(dataSource);
    if (newer && !newer.bears) throw tooOld(newer);
    if (pending.length > 0 && !migrationsRun) throw behind(pending);
    if (pending.length > 0) await migrate(directUrl === undefined ? options : { ...options, url: directUrl });
    return dataSource;
  } catch (error) {
    try {
      throw await asMissingRight(error, new Database(dataSource));
    } finally {
      // Its caller connects anew.
      await dataSource.destroy().catch(() => undefined);
    }
  }
}

/** It would write what the newer one can't read, or not find what that has dropped. */
function tooOld({ version, oldest }: Newer): SettingError {
  return new SettingError(
    (named) =>
      `the schema in the database of ${named('DATABASE_URL')} is of Ringback ${version}, beside which ${oldest} and newer run, and this is ${VERSION}: start one of those`,
    { settings: ['DATABASE_URL'] },
  );
}

function behind(pending: readonly string[]): SettingError {
  return new SettingError(
    (named) =>
      `the schema of the database is behind by ${pending.length} ${pending.length === 1 ? 'migration' : 'migrations'} (${pending.join(', ')}), and ${named('RINGBACK_MIGRATE')} is false: run "ringback migrate" of this version first`,
    { settings: ['RINGBACK_MIGRATE'] },
  );
}

/** Connects to a database as it is, and migrates nothing: for a command beside a running service. */
export function connectBeside(options: DataSourceOptions): Promise<DataSource> {
  return new DataSource(options).initialize();
}

/** Refuses a server that lacks what the statements need; warns of one that may forget what it has committed. */
async function checkServer(dataSource: DataSource): Promise<void> {
  const { tooOld, mayForget } = await serverFaults(dataSource);
  if (tooOld !== null) throw new SettingError(`DATABASE_URL: ${tooOld}`, { settings: ['DATABASE_URL'] });
  for (const fault of mayForget) new Logger('Database').warn(`this ${fault}`);
}

/** What is wrong with a server, with the remedy. */
export interface ServerFaults {
  readonly tooOld: string | null;
  readonly mayForget: readonly string[];
}

interface ServerSettings {
  readonly version: string;
  readonly fsync: string;
  readonly commit: string;
  readonly standbys: string;
}

/** Where only one server is named, how it is replicated is not known here: hosted ones have ways of their own. */
function mayForgetAtFailover({ options }: DataSource, { commit, standbys }: ServerSettings): boolean {
  const { url } = options as { url?: string };
  return url !== undefined && serversOf(url).length > 1 && (standbys === '' || commit === 'local');
}

/** Looks at its version, and whether what it has committed is on its disk. */
export async function serverFaults(dataSource: DataSource): Promise<ServerFaults> {
  const [server] = await dataSource.query<[ServerSettings]>(
    `SELECT current_setting('server_version_num') AS version, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS commit, current_setting('synchronous_standby_names') AS standbys`,
  );
  const major = Math.floor(Number(server.version) / 10_000);
  const mayForget: string[] = [];
  if (server.fsync === 'off')
    mayForget.push(
      'PostgreSQL runs with fsync = off: a crash of its machine loses what was acknowledged; switch fsync on',
    );
  if (server.commit === 'off')
    mayForget.push(
      'PostgreSQL runs with synchronous_commit = off: its crash loses what was acknowledged in the moment before; switch it on, for this database or user at least',
    );
  if (mayForgetAtFailover(dataSource, server))
    mayForget.push(
      `PostgreSQL acknowledges before a standby has kept it (synchronous_standby_names = '${server.standbys}', synchronous_commit = ${server.commit}): a failover to the other server in DATABASE_URL loses what was acknowledged in the moment before; set synchronous_standby_names, and synchronous_commit = on`,
    );
  return {
    tooOld:
      major < OLDEST_POSTGRES ? `PostgreSQL ${major} is too old; use ${OLDEST_POSTGRES} or newer` : null,
    mayForget,
  };
}
