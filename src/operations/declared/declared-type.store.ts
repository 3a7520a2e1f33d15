import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { Rows } from '../../database/rows.js';
import { OperationTypeEntity } from './operation-type.entity.js';

export type NewOperationType = Omit<OperationTypeEntity, 'createdAt' | 'updatedAt'>;

/** Of the dispatcher, under which slots are given. */
const SLOTS_LOCK = 7164225002;

/** Every statement on declared operation types. */
@Injectable()
export class DeclaredTypeStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  async all(): Promise<OperationTypeEntity[]> {
    const rows = await this.database.query<object>('SELECT * FROM operation_type ORDER BY name');
    return rows.map((row) => this.rows.to(OperationTypeEntity, row));
  }

  /** Declares a type, or changes what was declared; `running` is set where processes run that have a handler for it: then nothing is stored. */
  async declare(type: NewOperationType): Promise<'declared' | 'changed' | 'running'> {
    return this.database.transaction(async (tx) => {
      const [running] = await tx.query(
        `SELECT id FROM process WHERE $1 = ANY (handlers) AND NOT 'remote' = ANY (roles) AND seen_at > now() - interval '35 seconds' LIMIT 1`,
        [type.name],
      );
      if (running) return 'running';
      const [row] = await tx.query<{ isNew: boolean }>(
        `INSERT INTO operation_type (name, title, input_schema, tries, timeout_s, retry, path, inline_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (name) DO UPDATE SET title = EXCLUDED.title, input_schema = EXCLUDED.input_schema, tries = EXCLUDED.tries,
           timeout_s = EXCLUDED.timeout_s, retry = EXCLUDED.retry, path = EXCLUDED.path, inline_ms = EXCLUDED.inline_ms, updated_at = now()
         RETURNING xmax = 0 AS "isNew"`,
        [
          type.name,
          type.title,
          type.inputSchema,
          type.tries,
          type.timeoutS,
          type.retry,
          type.path,
          type.inlineMs,
        ],
      );
      if (!row!.isNew) return 'changed';
      // What waits for a handler that has gone is offered from now on.
      await tx.query(`SELECT pg_advisory_xact_lock(${SLOTS_LOCK})`);
      await tx.query(
        `UPDATE live_operation SET phase = 'offered', dispatched_at = NULL, look_at = now(), due_at = now()
         WHERE type = $1 AND (phase = 'ready' OR phase = 'placed' AND lease_token IS NULL)`,
        [type.name],
      );
      return 'declared';
    });
  }

  /**
   * Deletes the declaration of a type of which nothing lives; `live` where something does, null where there is none. Of a type
   * that a handler runs by now (`handled`), what is offered goes to that handler.
   */
  async remove(name: string, handled: boolean): Promise<'removed' | 'live' | null> {
    return this.database.transaction(async (tx) => {
      // Whoever accepts an operation of it holds the row until that is committed.
      const [row] = await tx.query('SELECT name FROM operation_type WHERE name = $1 FOR UPDATE', [name]);
      if (!row) return null;
      const [live] = await tx.query('SELECT request_id FROM live_operation WHERE type = $1 LIMIT 1', [name]);
      if (live && !handled) return 'live';
      await tx.query('DELETE FROM operation_type WHERE name = $1', [name]);
      if (live) {
        await tx.query(`SELECT pg_advisory_xact_lock(${SLOTS_LOCK})`);
        await tx.query(
          `UPDATE live_operation SET phase = 'ready', look_at = now(), due_at = now() WHERE type = $1 AND phase = 'offered'`,
          [name],
        );
      }
      return 'removed';
    });
  }
}
