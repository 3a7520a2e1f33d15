import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** A queue as it stands. */
export interface QueueView {
  readonly name: string;
  readonly parallelism: number;
  readonly paused: boolean;
  /** Messages that it has and that haven't ended, without those that are delayed; counted up to 10,000. */
  readonly lag: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface QueueRow {
  readonly key: string;
  readonly max_parallelism: number;
  readonly paused_at: Date | null;
  readonly waiting: number;
  readonly executing: number;
  readonly created_at: Date;
  readonly given_at: Date;
}

const PREFIX = '$queue/';

/** The flow key of a queue. */
export function queueKey(name: string): string {
  return PREFIX + name;
}

/** Reads queues: they are flow keys that somebody has set up. */
@Injectable()
export class QueueStore {
  constructor(private readonly database: Database) {}

  async exists(accountId: string, name: string): Promise<boolean> {
    const rows = await this.database.query('SELECT FROM flow WHERE account_id = $1 AND key = $2 AND kept', [
      accountId,
      queueKey(name),
    ]);
    return rows.length > 0;
  }

  async count(accountId: string): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM flow WHERE account_id = $1 AND key >= '${PREFIX}' AND starts_with(key, '${PREFIX}') AND kept`,
      [accountId],
    );
    return row!.count;
  }

  async find(accountId: string, name: string): Promise<QueueView | null> {
    const [queue] = await this.read(accountId, 'key = $2', queueKey(name));
    return queue ?? null;
  }

  /** By name. */
  list(accountId: string): Promise<QueueView[]> {
    return this.read(accountId, 'key >= $2 AND starts_with(key, $2)', PREFIX);
  }

  private async read(accountId: string, which: string, named: string): Promise<QueueView[]> {
    const rows = await this.database.query<QueueRow>(
      `SELECT (r.flow).*, r.waiting, r.executing
       FROM (SELECT account_id, key FROM flow WHERE account_id = $1 AND ${which} AND kept ORDER BY key) f
       CROSS JOIN LATERAL read_flows(f.account_id, f.key, '', 1) r`,
      [accountId, named],
    );
    return rows.map((row) => ({
      name: row.key.slice(PREFIX.length),
      parallelism: row.max_parallelism,
      paused: row.paused_at !== null,
      lag: row.waiting + row.executing,
      createdAt: row.created_at,
      updatedAt: row.given_at,
    }));
  }
}
