import { Injectable } from '@nestjs/common';
import { Database } from './database.js';

/** How long a reading serves scrapes, ms. */
const FRESH_MS = 60_000;
/** A transaction that is open for longer, seconds, while live tables have so many dead rows, is worth a warning. */
const LONG_S = 60;
const MANY_ROWS = 20_000;

/** What live tables suffer from: dispatch reads past their dead rows. */
export interface VacuumState {
  /** Table → rows that are deleted or replaced and not cleared away yet, as PostgreSQL estimates. */
  readonly deadRows: Readonly<Record<string, number>>;
  /** Age of the oldest transaction because of which vacuum leaves dead rows, seconds; 0 when there is none. */
  readonly oldestS: number;
  /** Who has it, and how it is ended; null when there is none. */
  readonly holder: string | null;
  readonly remedy: string | null;
}

/** Sees what keeps PostgreSQL from clearing the live tables. Read seldom: by each round of housekeeping, and for scrapes. */
@Injectable()
export class VacuumStore {
  private recent: Promise<VacuumState> | undefined;
  private freshUntil = -Infinity;

  constructor(private readonly database: Database) {}

  async read(): Promise<VacuumState> {
    const [row] = await this.database.query<VacuumState>(
      `SELECT (
         SELECT json_object_agg(t.relname, t.n_dead_tup) FROM pg_stat_user_tables t
         WHERE t.relid IN ('live_operation'::regclass, 'live_delivery'::regclass, 'live_poll'::regclass)
       ) AS "deadRows", coalesce(greatest(0, extract(epoch FROM clock_timestamp() - h.since)), 0)::float8 AS "oldestS", h.holder, h.remedy
       FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
         SELECT a.xact_start AS since, format('process %s, %s', a.pid, coalesce(nullif(a.application_name, ''), 'unnamed')) AS holder,
           format('SELECT pg_terminate_backend(%s)', a.pid) AS remedy
         FROM pg_stat_activity a
         WHERE a.datname = current_database() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.pid <> pg_backend_pid()
           -- A vacuum holds up no other.
           AND a.pid NOT IN (SELECT v.pid FROM pg_stat_progress_vacuum v)
         UNION ALL
         SELECT p.prepared, format('prepared, %s', p.gid), format('ROLLBACK PREPARED %L', p.gid) FROM pg_prepared_xacts p
         WHERE p.database = current_database()
         ORDER BY since LIMIT 1
       ) h ON true`,
    );
    return row!;
  }

  /** From memory, as of a minute ago at the most. */
  glance(): Promise<VacuumState> {
    if (this.recent === undefined || performance.now() >= this.freshUntil) {
      this.freshUntil = performance.now() + FRESH_MS;
      this.recent = this.read();
      // What failed is read anew.
      this.recent.catch(() => (this.recent = undefined));
    }
    return this.recent;
  }
}

/** A line for the log where dispatch is about to become slow, and what to do; else null. */
export function warningOf({ deadRows, oldestS, holder, remedy }: VacuumState): string | null {
  const many = Object.entries(deadRows).filter(([, rows]) => rows > MANY_ROWS);
  if (oldestS <= LONG_S || many.length === 0) return null;
  const tables = many.map(([table, rows]) => `${rows} dead rows of ${table}`).join(' and ');
  return `a transaction has been open for ${Math.round(oldestS)} s (${holder}): PostgreSQL can't clear the ${tables}, and dispatch becomes slower; end it: ${remedy}`;
}
