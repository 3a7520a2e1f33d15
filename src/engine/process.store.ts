import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { ProcessEntity } from './process.entity.js';

/** A process that was not seen for so long is gone, seconds. */
export const GONE_S = 35;

export type ProcessDescription = Omit<ProcessEntity, 'startedAt' | 'seenAt'>;

/** A worker outside of this service, as it last asked for work. */
export type RemoteWorker = Pick<ProcessEntity, 'id' | 'host' | 'handlers' | 'capacity'>;

/** The workers of this installation that run. */
export interface Workers {
  readonly count: number;
  /** Operations that the one with the fewest places runs at once; null where there is none. */
  readonly leastPlaces: number | null;
}

/** Every statement on processes. */
@Injectable()
export class ProcessStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Says that the process runs, forgets those that don't, and answers which workers there are. */
  async beat(process: ProcessDescription): Promise<Workers> {
    const [row] = await this.database.query<Workers>(
      `WITH gone AS (
         DELETE FROM process WHERE id IN (
           SELECT id FROM process WHERE seen_at < now() - make_interval(secs => $8) AND id <> $1 FOR UPDATE SKIP LOCKED)
       ), seen AS (
         INSERT INTO process (id, roles, version, host, capacity, running, handlers) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE SET seen_at = now(), running = EXCLUDED.running
       )
       SELECT ('worker' = ANY ($2::text[]))::integer + count(*)::integer AS count,
         least(min(capacity), CASE WHEN 'worker' = ANY ($2::text[]) THEN $5::integer END) AS "leastPlaces"
       FROM process
       WHERE id <> $1 AND 'worker' = ANY (roles) AND seen_at >= now() - make_interval(secs => $8)`,
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
    return row!;
  }

  async workers(): Promise<Workers> {
    const [row] = await this.database.query<Workers>(
      `SELECT count(*)::integer AS count, min(capacity) AS "leastPlaces" FROM process
       WHERE 'worker' = ANY (roles) AND seen_at >= now() - make_interval(secs => $1)`,
      [GONE_S],
    );
    return row!;
  }

  /** Says that a remote worker asks for work. */
  async beatRemote({ id, host, handlers, capacity }: RemoteWorker): Promise<void> {
    await this.database.query(
      `INSERT INTO process (id, roles, version, host, capacity, running, handlers) VALUES ($1, '{remote}', '', $2, $3, 0, $4)
       ON CONFLICT (id) DO UPDATE SET seen_at = now(), capacity = EXCLUDED.capacity, handlers = EXCLUDED.handlers`,
      [id, host, capacity, handlers],
    );
  }

  /** Says that these remote workers still do what they have. */
  async touchRemote(ids: readonly string[]): Promise<void> {
    await this.database.query('UPDATE process SET seen_at = now() WHERE id = ANY ($1::text[])', [ids]);
  }

  async list(after: string, limit: number): Promise<ProcessEntity[]> {
    const rows = await this.database.query<object>(
      `SELECT p.*, CASE WHEN 'remote' = ANY (p.roles) THEN (
         SELECT count(*)::integer FROM live_operation o WHERE o.phase = 'placed' AND o.worker = p.id AND o.lease_token IS NOT NULL
       ) ELSE p.running END AS running
       FROM (SELECT * FROM process WHERE seen_at >= now() - make_interval(secs => $1) AND id > $2 ORDER BY id LIMIT $3) p ORDER BY p.id`,
      [GONE_S, after, limit],
    );
    return rows.map((row) => this.rows.to(ProcessEntity, row));
  }

  async forget(id: string): Promise<void> {
    await this.database.query('DELETE FROM process WHERE id = $1', [id]);
  }
}
