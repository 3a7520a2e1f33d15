import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { ProcessEntity } from './process.entity.js';

/** A process that was not seen for so long is gone, seconds. */
export const GONE_S = 35;

export type ProcessDescription = Omit<ProcessEntity, 'startedAt' | 'seenAt'>;

/** Every statement on processes. */
@Injectable()
export class ProcessStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Says that the process runs, forgets those that don't, and answers how many workers there are. */
  async beat(process: ProcessDescription): Promise<number> {
    await this.database.query(
      `WITH gone AS (
         DELETE FROM process WHERE id IN (
           SELECT id FROM process WHERE seen_at < now() - make_interval(secs => $8) AND id <> $1 FOR UPDATE SKIP LOCKED)
       )
       INSERT INTO process (id, roles, version, host, capacity, running, handlers) VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (id) DO UPDATE SET seen_at = now(), running = EXCLUDED.running`,
      [
        process.id,
        process.roles,
        process.version,
        process.host,
        process.capacity,
        process.running,
        process.handlers,
        GONE_S,
      ],
    );
    return this.workers();
  }

  async workers(): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM process
       WHERE 'worker' = ANY (roles) AND seen_at >= now() - make_interval(secs => $1)`,
      [GONE_S],
    );
    return row!.count;
  }

  async list(after: string, limit: number): Promise<ProcessEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM process WHERE seen_at >= now() - make_interval(secs => $1) AND id > $2 ORDER BY id LIMIT $3',
      [GONE_S, after, limit],
    );
    return rows.map((row) => this.rows.to(ProcessEntity, row));
  }

  async forget(id: string): Promise<void> {
    await this.database.query('DELETE FROM process WHERE id = $1', [id]);
  }
}
