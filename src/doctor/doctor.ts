import { setTimeout as after } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { schemaState } from '../database/schema-state.js';
import { messageOf } from '../database/database-errors.js';
import { callbacks } from './callbacks.js';
import { clock } from './clock.js';
import { connections } from './connections.js';
import { type Check, type Finding, red, type Reported } from './finding.js';
import { folders } from './folders.js';
import { handlers } from './handlers.js';
import { objectStore } from './object-store.js';
import { pooler } from './pooler.js';
import { ports } from './ports.js';
import { proxy } from './proxy.js';
import { queueInPostgres, queueInRedis } from './queue.js';
import { reachDatabase } from './reach-database.js';
import { rights } from './rights.js';
import { schema } from './schema.js';
import { secrets } from './secrets.js';
import { server } from './server.js';
import { service } from './service.js';
import { readSettings, type ReadSettings } from './settings.js';
import type { Surroundings, WithDatabase } from './surroundings.js';
import { transactions } from './transactions.js';
import { workers } from './workers.js';

/** No check takes longer, ms. */
const CHECK_MS = 5_000;
const LATE = `no answer within ${CHECK_MS / 1_000} s: look whether it is overloaded, or something between drops what is sent`;

const OF_THE_MACHINE: readonly Check<Surroundings>[] = [folders, ports, objectStore, proxy, service];
const OF_THE_ROWS: readonly Check<WithDatabase>[] = [
  server,
  pooler,
  rights,
  schema,
  clock,
  transactions,
  workers,
  connections,
  handlers,
  secrets,
  callbacks,
];

/** What is examined, and how. */
export interface Examination {
  readonly source: Record<string, string | undefined>;
  /** Where a running service is asked; by default where the settings have it listen. */
  readonly url?: string | undefined;
  /** Milliseconds since 1970; the machine's clock by default. */
  readonly now?: () => number;
}

/** Looks at everything that a service needs, and says what keeps it from working. Makes, starts and changes nothing. */
export async function examine({ source, url, now = Date.now }: Examination): Promise<Reported[]> {
  Logger.overrideLogger(false);
  const settings = readSettings(source);
  const { env, config } = settings;
  const here = { env, config, url: url ?? listeningUrl(settings), now };
  const usesRedis = config.queue.redisUrls.length > 0;
  const [ofMachine, ofRedis, ofRows] = await Promise.all([
    all(OF_THE_MACHINE, here),
    usesRedis ? all([queueInRedis], here) : [],
    settings.hasDatabase ? examineRows(settings, here, usesRedis) : [],
  ]);
  return [...named('settings', settings.findings), ...ofMachine, ...ofRows, ...ofRedis];
}

/** Where the settings have the service listen, as it is reached from here. */
function listeningUrl({ config: { http } }: ReadSettings): string {
  const host = ['0.0.0.0', '::'].includes(http.host) ? '127.0.0.1' : http.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${http.port}`;
}

async function examineRows(
  settings: ReadSettings,
  here: Surroundings,
  usesRedis: boolean,
): Promise<Reported[]> {
  const { reached, finding } = await inTime(reachDatabase(settings.env), (why) => ({
    reached: null,
    finding: red(why),
  }));
  const first = named('postgresql', [finding]);
  if (!reached) return first;
  const { dataSource, database, url } = reached;
  try {
    const hasTables = await inTime(
      schemaState(dataSource).then(({ applied }) => applied.length > 0),
      () => false,
    );
    const directUrl = here.env.RINGBACK_DIRECT_URL ?? url;
    const config = { ...here.config, database: { ...here.config.database, url, directUrl } };
    const given = {
      ...here,
      config,
      dataSource,
      database,
      hasTables,
      hasSecretKeys: settings.hasSecretKeys,
    };
    return [...first, ...(await all(usesRedis ? OF_THE_ROWS : [...OF_THE_ROWS, queueInPostgres], given))];
  } finally {
    await Promise.race([
      dataSource.destroy().catch(() => undefined),
      after(1_000, undefined, { ref: false }),
    ]);
  }
}

/** All at once, in their order. */
async function all<Given>(checks: readonly Check<Given>[], given: Given): Promise<Reported[]> {
  const found = await Promise.all(
    checks.map(async ({ name, run }) =>
      named(name, await inTime(run(given), (why): Finding[] => [red(why)])),
    ),
  );
  return found.flat();
}

/** What a step answers; else, where it fails or is late, what that means. */
async function inTime<T>(step: Promise<T>, instead: (why: string) => T): Promise<T> {
  const done = step.catch((error: unknown) => instead(`could not be looked at: ${messageOf(error)}`));
  const late = new AbortController();
  const passed = after(CHECK_MS, undefined, { signal: late.signal }).then(
    () => instead(LATE),
    () => done,
  );
  return Promise.race([done, passed]).finally(() => late.abort());
}

function named(check: string, findings: readonly Finding[]): Reported[] {
  return findings.map((finding) => ({ check, ...finding }));
}
