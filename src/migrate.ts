import { setTimeout as delay } from 'node:timers/promises';
import { type LogLevel, Logger } from '@nestjs/common';
import { dataSourceOptions } from '../ormconfig.js';
import { readEnv } from './config/env.js';
import { SettingError } from './config/settings.js';
import { VERSION } from './config/version.js';
import type { DatabaseConfig, QueueConfig } from './config/config.js';
import { connectBeside } from './database/connection.js';
import { Database } from './database/database.js';
import { DatabaseUnavailableError, messageOf, sqlState } from './database/database-errors.js';
import { migrate, type OtherMigrator, OtherMigratesError } from './database/migrate.js';
import { patiently } from './database/patience.js';
import { checkWay } from './database/pooler.js';
import { type SchemaState, schemaState } from './database/schema-state.js';
import { QueueBackend } from './engine/queue-backend.js';
import { SCHEMA } from './engine/queue-schema.js';

/** What `ringback migrate` was asked for. */
export interface MigrateOptions {
  /** Says how the schema stands, and changes nothing. */
  readonly status?: boolean;
  /** Waits for PostgreSQL, for whoever migrates, and with `status` until nothing is pending. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Where its lines go: results, and what is told meanwhile. */
export interface Told {
  result(line: string): void;
  meanwhile(line: string): void;
}

/** How long another process that migrates is waited for unless asked to wait. */
const PATIENCE_MS = 60_000;
const AGAIN_MS = 1_000;
const CONNECTIONS = 2;

const DONE = 0;
const FAILED = 1;
const NOT_REACHED = 3;

/** Brings the schema up to date, for a deploy job, and answers the exit code: 0 it is, 1 it isn't, 3 PostgreSQL isn't reached. */
export async function migrateCommand(options: MigrateOptions, told: Told): Promise<number> {
  Logger.overrideLogger(meanwhileOnly(told));
  try {
    const config = configOf();
    await patient(options, () => checkWay(config.database, config.queue.redisUrls.length > 0));
    const state = options.status
      ? await statusOf(config, options, told)
      : await patient(options, () => bringUpToDate(config, options, told));
    if (options.json) told.result(JSON.stringify(inJson(state)));
    else for (const line of linesOf(state)) told.result(line);
    return runsOn(state) ? DONE : FAILED;
  } catch (error) {
    told.meanwhile(`ringback: ${inWords(error)}`);
    return isUnreached(error) ? NOT_REACHED : FAILED;
  }
}

interface Configs {
  readonly database: DatabaseConfig;
  readonly queue: QueueConfig;
}

/** How the schema stands, and what was applied just now. */
interface Outcome extends SchemaState {
  readonly now: readonly string[];
}

/** All that migrating needs of the environment: a deploy job has no secret keys. */
function configOf(): Configs {
  const env = readEnv(undefined, 'The environment is wrong; mend it and try again.');
  if (env.DATABASE_URL === undefined)
    throw new SettingError(
      'DATABASE_URL is missing: name the PostgreSQL to migrate; an embedded one is migrated by its own service',
      { settings: ['DATABASE_URL'] },
    );
  return {
    database: {
      url: env.DATABASE_URL,
      directUrl: env.RINGBACK_DIRECT_URL ?? env.DATABASE_URL,
      poolSize: env.RINGBACK_DATABASE_POOL,
      migrates: true,
    },
    queue: { redisUrls: env.REDIS_URL ?? [] },
  };
}

async function statusOf(config: Configs, { wait = false }: MigrateOptions, told: Told): Promise<Outcome> {
  for (let isTold = false; ; isTold = true) {
    const state = await patient({ wait }, () => connected(config, stateOf));
    if (!wait || state.pending.length === 0) return { ...state, now: [] };
    if (!isTold)
      told.meanwhile(`waiting until somebody applies what is pending: ${state.pending.join(', ')}`);
    await delay(AGAIN_MS);
  }
}

async function bringUpToDate(
  config: Configs,
  { wait = false }: MigrateOptions,
  told: Told,
): Promise<Outcome> {
  const applied = await migrate(dataSourceOptions(config.database.directUrl, CONNECTIONS), {
    mostMs: wait ? 0 : PATIENCE_MS,
    onOther: (other) => told.meanwhile(`${otherInWords(other)}: waiting for it`),
  });
  return connected(config, async (dataSource, queue) => {
    const made = queue === null || (await queue.hasSchema()) ? [] : [SCHEMA];
    await queue?.makeSchema();
    return { ...(await stateOf(dataSource, queue)), now: [...applied, ...made] };
  });
}

type Connected = Awaited<ReturnType<typeof connectBeside>>;

/** What is missing of a queue in PostgreSQL is pending too: a start that makes nothing needs both. */
async function stateOf(dataSource: Connected, queue: QueueBackend | null): Promise<SchemaState> {
  const state = await schemaState(dataSource);
  if (queue === null) return state;
  const { applied, pending } = state;
  return (await queue.hasSchema())
    ? { ...state, applied: [...applied, SCHEMA] }
    : { ...state, pending: [...pending, SCHEMA] };
}

async function connected<T>(
  { database, queue }: Configs,
  work: (dataSource: Connected, queue: QueueBackend | null) => Promise<T>,
): Promise<T> {
  const dataSource = await connectBeside(dataSourceOptions(database.directUrl, CONNECTIONS));
  try {
    if (queue.redisUrls.length > 0) return await work(dataSource, null);
    const backend = await QueueBackend.beside(queue, database, new Database(dataSource));
    try {
      return await work(dataSource, backend);
    } finally {
      await backend.onApplicationShutdown();
    }
  } finally {
    await dataSource.destroy();
  }
}

function patient<T>({ wait = false }: MigrateOptions, step: () => Promise<T>): Promise<T> {
  return wait ? patiently(step) : step();
}

function otherInWords({ pid, address, seconds }: OtherMigrator): string {
  return `another process migrates this database (session ${pid}${address === null ? '' : ` from ${address}`}, for ${seconds} s)`;
}

/** Also one version back, on the schema that the newer one left. */
function runsOn({ pending, unknown, newer }: SchemaState): boolean {
  return pending.length === 0 && (newer?.bears ?? unknown.length === 0);
}

function linesOf({ now, pending, unknown, newer, hasOtherFunctions }: Outcome): string[] {
  const lines = now.map((name) => `applied ${name}`);
  if (newer?.bears)
    lines.push(
      `ahead: the schema is of Ringback ${newer.version}, and this is ${VERSION}, which runs on it.`,
    );
  else if (newer)
    lines.push(
      `ahead: the schema is of Ringback ${newer.version}, beside which ${newer.oldest} and newer run; start one of those`,
    );
  else if (unknown.length > 0)
    lines.push(
      `ahead: ${unknown.join(', ')} ${unknown.length === 1 ? 'is' : 'are'} of a newer Ringback; start that version, or restore a backup`,
    );
  if (pending.length > 0)
    lines.push(...pending.map((name) => `pending ${name}`), 'behind: run "ringback migrate"');
  else if (unknown.length === 0 && !newer) lines.push('The schema is up to date.');
  if (pending.length === 0 && hasOtherFunctions && !newer)
    lines.push('Another version has made its functions since: run one version everywhere.');
  return lines;
}

function inJson({ now, applied, pending, unknown }: Outcome): object {
  return {
    up_to_date: pending.length === 0 && unknown.length === 0,
    applied_now: now,
    applied,
    pending,
    unknown,
  };
}

function inWords(error: unknown): string {
  if (error instanceof SettingError) return error.message;
  if (error instanceof OtherMigratesError)
    return `${error.message}: try again later, or wait for it by --wait`;
  if (sqlState(error) === '55P03')
    return 'a table is in use by somebody who lets nobody change it, and nothing has changed: try again, or by --wait until it works';
  return `the schema could not be brought up to date: ${messageOf(error)}`;
}

/** No answer, or none but that it cannot be used now. */
function isUnreached(error: unknown): boolean {
  const state = sqlState(error);
  if (error instanceof SettingError || error instanceof OtherMigratesError || error instanceof TypeError)
    return false;
  return error instanceof DatabaseUnavailableError || state === undefined || /^(08|28|3D|57P)/.test(state);
}

/** Nest's lines, of what is waited for. */
function meanwhileOnly(told: Told): Record<Exclude<LogLevel, 'verbose' | 'debug'>, (line: unknown) => void> {
  const say = (line: unknown): void => told.meanwhile(String(line));
  return { log: say, warn: say, error: say, fatal: say };
}
