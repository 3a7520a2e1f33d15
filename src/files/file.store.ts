import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { FileEntity } from './file.entity.js';

/** Longer than any upload or run takes: what is still being written then was cut off by a crash. */
const WRITING_DAYS = 8;

/** A file whose bytes are on their way. */
export interface NewFile {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly contentType: string;
  /** Request id of the operation that stores it. */
  readonly operationId: string | null;
}

/** When an upload goes: at a time, after so many seconds, or never (null). What an operation stored goes with it. */
export type Keep = Date | { readonly seconds: number } | null;

/** Every statement on files. */
@Injectable()
export class FileStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Comes before the bytes, so that a crash leaves none that no row knows of. May be repeated. */
  async begin(file: NewFile): Promise<void> {
    await this.database.query(
      `INSERT INTO file (id, account_id, name, content_type, operation_id, size, sha256, phase, expires_at)
       VALUES ($1, $2, $3, $4, $5, 0, '', 'writing', now() + make_interval(days => $6)) ON CONFLICT DO NOTHING`,
      [file.id, file.accountId, file.name, file.contentType, file.operationId, WRITING_DAYS],
    );
  }

  /** The bytes are all there: an upload's, or an operation's, with which they expire; false when the row has gone meanwhile. May be repeated. */
  async finish(file: { id: string; size: number; sha256: string }, keep: Keep): Promise<boolean> {
    const at = keep instanceof Date ? keep : null;
    const seconds = keep === null || keep instanceof Date ? null : keep.seconds;
    const rows = await this.database.query(
      `UPDATE file f SET phase = 'stored', size = $2, sha256 = $3, expires_at = CASE
         WHEN f.operation_id IS NULL THEN coalesce($4::timestamptz, now() + make_interval(secs => $5))
         -- It goes with its operation. That may have ended without this run, or be gone.
         WHEN NOT EXISTS (SELECT FROM live_operation o WHERE o.request_id = f.operation_id)
           THEN coalesce((SELECT e.expires_at FROM operation_end e WHERE e.request_id = f.operation_id), now()) END
       WHERE id = $1 AND phase <> 'going' RETURNING id`,
      [file.id, file.size, file.sha256, at, seconds],
    );
    return rows.length > 0;
  }

  /** Leaves a file that could not be written whole to housekeeping. */
  async abandon(id: string): Promise<void> {
    await this.database.query(
      `UPDATE file SET phase = 'going', expires_at = now() WHERE id = $1 AND phase = 'writing'`,
      [id],
    );
  }

  /** Of an account, or of any (null). Null also when the file has expired, unless an operation that may run needs it. */
  async find(accountId: string | null, id: string): Promise<FileEntity | null> {
    const [row] = await this.database.query<object>(
      `SELECT * FROM file f WHERE ($1::text IS NULL OR account_id = $1) AND id = $2 AND phase = 'stored'
         AND (expires_at IS NULL OR expires_at > now() OR EXISTS (SELECT FROM file_use u WHERE u.file_id = f.id))`,
      [accountId, id],
    );
    return row ? this.rows.to(FileEntity, row) : null;
  }

  /** Marks a file as going: nobody finds it any more, and housekeeping deletes what a crash leaves of it. */
  async condemn(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE file SET phase = 'going', expires_at = now() WHERE account_id = $1 AND id = $2 AND phase = 'stored' RETURNING id`,
      [accountId, id],
    );
    return rows.length > 0;
  }

  /** Marks expired files as going and answers them, those included whose deletion a crash cut off. What is in use stays. */
  async condemnExpired(
    most: number,
  ): Promise<{ readonly looked: number; readonly going: readonly string[] }> {
    const rows = await this.database.query<{ id: string; going: boolean }>(
      `WITH due AS (
         SELECT f.id, f.phase = 'going' OR NOT EXISTS (SELECT FROM file_use u WHERE u.file_id = f.id) AS going
         FROM file f WHERE f.expires_at <= now() ORDER BY f.expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
       ), marked AS (
         UPDATE file f SET phase = CASE WHEN d.going THEN 'going' ELSE f.phase END,
           -- In use: looked at again later, so that it holds up no others.
           expires_at = CASE WHEN d.going THEN f.expires_at ELSE now() + interval '1 hour' END
         FROM due d WHERE f.id = d.id AND (NOT d.going OR f.phase <> 'going')
       )
       SELECT id, going FROM due`,
      [most],
    );
    return { looked: rows.length, going: rows.filter((row) => row.going).map((row) => row.id) };
  }

  /** Deletes the rows of files whose bytes are gone. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.database.query(`DELETE FROM file WHERE id = ANY($1::text[]) AND phase <> 'stored'`, [ids]);
  }
}
