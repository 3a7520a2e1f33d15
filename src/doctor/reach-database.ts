import { join } from 'node:path';
import { dataSourceOptions } from '../../ormconfig.js';
import type { Env } from '../config/env.js';
import { connectBeside } from '../database/connection.js';
import { Database } from '../database/database.js';
import { messageOf, sqlState } from '../database/database-errors.js';
import { EmbeddedPostgres } from '../embedded-postgres/embedded-postgres.js';
import { type Finding, green, red } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** Connections at once: one for each check of the rows. */
const CONNECTIONS = 8;

type Reached = Pick<WithDatabase, 'dataSource' | 'database'> & { readonly url: string };

/** Connects as a service would, to what is there: an embedded PostgreSQL is only reached while its service runs. */
export async function reachDatabase(env: Env): Promise<{ reached: Reached | null; finding: Finding }> {
  const url = env.DATABASE_URL ?? EmbeddedPostgres.urlOfRunning(env.RINGBACK_DATA_DIR);
  if (url === undefined) return { reached: null, finding: red(notRunning(env)) };
  try {
    const dataSource = await connectBeside(dataSourceOptions(url, CONNECTIONS));
    const database = new Database(dataSource);
    const [server] = await database.query<{ version: string }>(
      `SELECT current_setting('server_version') AS version`,
    );
    return {
      reached: { dataSource, database, url },
      finding: green(`${placeOf(url)} answers: version ${server!.version}`),
    };
  } catch (error) {
    return { reached: null, finding: red(whyNot(error, url)) };
  }
}

function notRunning({ RINGBACK_DATA_DIR }: Env): string {
  return `no Ringback runs on the data folder ${RINGBACK_DATA_DIR}, and its embedded PostgreSQL runs with it alone: start it with "ringback", or set DATABASE_URL (or RINGBACK_DATA_DIR) as the service has it`;
}

/** What a connection that isn't made means, and the remedy. */
export function whyNot(error: unknown, url: string): string {
  const { username, pathname } = new URL(url);
  const [place, user, name] = [
    placeOf(url),
    decodeURIComponent(username),
    decodeURIComponent(pathname.slice(1)),
  ];
  const said = messageOf(error);
  switch (sqlState(error)) {
    case '28P01':
      return `PostgreSQL refuses the password of the user "${user}" at ${place} (${said}): mend user and password in DATABASE_URL, or set it anew (ALTER ROLE "${user}" PASSWORD '…')`;
    case '28000':
      return `PostgreSQL lets the user "${user}" not in from here (${said}): mend the user in DATABASE_URL, or add a line for this machine to pg_hba.conf`;
    case '3D000':
      return `there is no database "${name}" at ${place}: make it (CREATE DATABASE "${name}"), or mend DATABASE_URL`;
    case '42501':
      return `the user "${user}" may not connect to the database "${name}" (${said}): GRANT CONNECT ON DATABASE "${name}" TO "${user}"`;
    case '53300':
      return `PostgreSQL at ${place} has no connection left (${said}): raise max_connections, or lower RINGBACK_DATABASE_POOL of the processes`;
    case '57P03':
      return `PostgreSQL at ${place} starts or stops just now (${said}): wait for it, and look into its log if it does not come up`;
    case '08P01':
      return `a pooler in front of PostgreSQL refuses the connection (${said}): mend user and password in DATABASE_URL; of a startup parameter, take it out of DATABASE_URL, and set it by ALTER ROLE … IN DATABASE … SET`;
    default:
      return `PostgreSQL cannot be reached at ${place} (${said}): start it, open the way to it, or mend DATABASE_URL`;
  }
}

/** Without user and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return join(host, pathname);
}
