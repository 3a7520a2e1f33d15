import { Injectable } from '@nestjs/common';
import { HousekeepingConfig } from '../config/config.js';
import { Database, type Queryable } from '../database/database.js';
import { Sessions } from '../database/sessions.js';

/** A partition gives numbers for a third of the history's time, and for 30 days at the most: so much longer some records are kept. */
const MAX_AGE_S = 30 * 86_400;
/** In this order: what shows an operation or a delivery is gone before what tells how it ended. */
const TABLES = ['operation', 'delivery', 'operation_end', 'delivery_end', 'history_entry', 'attempt'];
/**
 * Longer than PostgreSQL takes to call off a vacuum, which makes way; nobody who queues behind a lock that isn't had waits longer.
 * A transaction that has read the tables for longer is left to end: the next round goes on.
 */
const PATIENCE = { lock_timeout: '2s', statement_timeout: '5s' };

interface Dropping {
  /** A partition of one of the record tables. */
  readonly name: string;
  readonly parent: string;
  /** Null once it is detached. */
  readonly pending: boolean | null;
}

/** The partitions of the record tables: made ahead, given up when they are old enough, dropped when nothing in them is kept any more. */
@Injectable()
export class PartitionStore {
  constructor(
    private readonly database: Database,
    private readonly sessions: Sessions,
    private readonly config: HousekeepingConfig,
  ) {}

  async make(): Promise<void> {
    await this.database.query('SELECT make_partitions()');
  }

  async rotate(): Promise<void> {
    await this.database.query('SELECT rotate_partitions(make_interval(secs => $1))', [
      Math.min(this.config.historyS / 3, MAX_AGE_S),
    ]);
  }

  async retire(): Promise<void> {
    await this.database.query('SELECT retire_partitions(make_interval(secs => $1))', [this.config.historyS]);
  }

  /** Takes the records of `most` numbers off the ledger, in one commit; answers `most` where there may be more, else 0. */
  async bookOff(most: number): Promise<number> {
    const [row] = await this.database.query<{ more: boolean }>('SELECT book_off_partition($1) AS more', [
      most,
    ]);
    return row!.more ? most : 0;
  }

  /** Drops the tables of partitions that are off the ledger, one at least and until a time; goes on with what a crash has left. Answers how many. */
  async drop(until: number): Promise<number> {
    const tables = await this.database.query<Dropping>(
      `SELECT part.relname AS name, t.name AS parent, i.inhdetachpending AS pending
       FROM record_partition p CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS t (name, nth)
       JOIN pg_class part ON part.relname = t.name || '_' || p.lower AND part.relnamespace = current_schema()::regnamespace
       LEFT JOIN pg_inherits i ON i.inhrelid = part.oid
       WHERE p.booked_to = p.upper ORDER BY p.lower, t.nth`,
      [TABLES],
    );
    let dropped = 0;
    if (tables.length > 0)
      await this.sessions.with(PATIENCE, async (session) => {
        for (const table of tables) {
          if (dropped > 0 && performance.now() >= until) return;
          await dropOne(session, table);
          dropped++;
        }
      });
    if (dropped === tables.length) await this.forget();
    return dropped;
  }

  private async forget(): Promise<void> {
    await this.database.query(
      `DELETE FROM record_partition p WHERE p.booked_to = p.upper AND NOT EXISTS (
         SELECT FROM unnest($1::text[]) AS t (name) JOIN pg_class part
           ON part.relname = t.name || '_' || p.lower AND part.relnamespace = current_schema()::regnamespace)`,
      [TABLES],
    );
  }
}

/** Nobody waits for this: detached first, beside all who read and write. */
async function dropOne(session: Queryable, { name, parent, pending }: Dropping): Promise<void> {
  if (pending !== null)
    await session.query(
      `ALTER TABLE ${parent} DETACH PARTITION ${name} ${pending ? 'FINALIZE' : 'CONCURRENTLY'}`,
    );
  await session.query(`DROP TABLE IF EXISTS ${name}`);
}
