import { boolean, number, optional, setting, url } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  poolSize: setting(
    'RINGBACK_DATABASE_POOL',
    '20',
    'Connections to PostgreSQL per process, for rows (the PostgreSQL queue backend has a pool of its own of the same size).',
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
    'PostgreSQL 14 or newer, `postgres://user:password@host:5432/database`.',
    url('postgres:', 'postgresql:'),
  ),
  directUrl: optional(
    'RINGBACK_DIRECT_URL',
    'DATABASE_URL',
    'The same database past a pooler in transaction mode, for what needs a session: migrations, `LISTEN`, the PostgreSQL queue.',
    url('postgres:', 'postgresql:'),
  ),
};

/** The PostgreSQL that owns every row. */
export abstract class DatabaseConfig extends sliceOf(SETTINGS, ASKED) {
  abstract readonly url: string;
  /** Where connections are sessions; the same as `url` unless given. */
  abstract readonly directUrl: string;
}
