import { postgresUrl } from '../postgres-url.js';
import { boolean, number, optional, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  poolSize: setting(
    'RINGBACK_DATABASE_POOL',
    '20',
    'Connections to PostgreSQL per process, for rows. The PostgreSQL queue backend has a pool of its own: as many, but 10 at the most in a worker and 4 in other processes.',
    number(4, 200),
  ),
  migrates: setting(
    'RINGBACK_MIGRATE',
    'true',
    'Whether a start brings the schema up to date; `false` leaves that to `ringback migrate`, and refuses to start on one that is behind.',
    boolean,
  ),
};

const ASKED = {
  url: optional(
    'DATABASE_URL',
    'an embedded PostgreSQL in RINGBACK_DATA_DIR',
    'PostgreSQL 14 or newer, `postgres://user:password@host:5432/database`; with a standby both, `postgres://user:password@one:5432,two:5432/database`: the one that takes writes is used.',
    postgresUrl,
  ),
  directUrl: optional(
    'RINGBACK_DIRECT_URL',
    'DATABASE_URL',
    'The same database past a pooler in transaction mode, for what needs a session: migrations, `LISTEN`, the PostgreSQL queue.',
    postgresUrl,
  ),
};

/** The PostgreSQL that owns every row. */
export abstract class DatabaseConfig extends sliceOf(SETTINGS, ASKED) {
  abstract readonly url: string;
  /** Where connections are sessions; the same as `url` unless given. */
  abstract readonly directUrl: string;
}
