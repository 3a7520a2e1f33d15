import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { jsonRows } from '../database/json-rows.js';
import { Rows } from '../database/rows.js';
import { acceptRow, keyRow, type NewOperation } from '../operations/operation-rows.js';
import { ScheduleEntity } from './schedule.entity.js';
import { KNOWN } from './scheduled-operations.js';

/** What a caller decides about a schedule, and what follows from it for its next tick. */
export type ScheduleSettings = Pick<
  ScheduleEntity,
  | 'name'
  | 'cron'
  | 'everyS'
  | 'at'
  | 'timeZone'
  | 'operation'
  | 'since'
  | 'missed'
  | 'overlap'
  | 'jitterS'
  | 'endsAt'
  | 'nextTick'
  | 'dueAt'
>;

/** A schedule of which a tick is due. */
export interface DueSchedule {
  readonly schedule: ScheduleEntity;
  /** What its last tick submitted hasn't ended. */
  readonly busy: boolean;
  /** The keys of its account are refused. */
  readonly closed: boolean;
  /** PostgreSQL's clock. */
  readonly now: Date;
}

/** What becomes of a schedule that is due. */
export interface ScheduleMove {
  readonly id: string;
  readonly nextTick: Date | null;
  readonly dueAt: Date | null;
  readonly operations: readonly NewOperation[];
  /** The last tick of which no operation becomes, and why. */
  readonly skipped: { readonly tick: Date; readonly reason: string } | null;
}

/** Whether a tick is due. */
export const DUE_SCHEDULES = '(SELECT min(due_at) FROM schedule WHERE due_at IS NOT NULL) <= now()';

/** Operations that one step holds in memory, bytes of what their schedules keep of them; the last one may go beyond. */
export const MAX_BYTES = 16_777_216;

/** Every statement on schedules. */
@Injectable()
export class ScheduleStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Makes a schedule unless there is one of that id, or the account has `most` already; null then. */
  async create(
    accountId: string,
    id: string,
    createdAt: Date,
    settings: ScheduleSettings,
    most: number,
  ): Promise<ScheduleEntity | null> {
    return this.database.transaction(async (tx) => {
      // One at a time per account, so that the cap holds.
      await tx.query('SELECT id FROM account WHERE id = $1 FOR UPDATE', [accountId]);
      const [row] = await tx.query<object>(
        `INSERT INTO schedule (id, account_id, created_at, name, cron, every_s, at, time_zone, operation, missed, overlap, jitter_s, ends_at, next_tick, due_at, since)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
         WHERE (SELECT count(*) FROM schedule WHERE account_id = $2) < $17 ON CONFLICT (id) DO NOTHING RETURNING *`,
        [id, accountId, createdAt, ...valuesOf(settings), most],
      );
      return row ? this.rows.to(ScheduleEntity, row) : null;
    });
  }

  /** Of an account, or of any (null). */
  async find(accountId: string | null, id: string): Promise<ScheduleEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM schedule WHERE ($1::text IS NULL OR account_id = $1) AND id = $2',
      [accountId, id],
    );
    return row ? this.rows.to(ScheduleEntity, row) : null;
  }

  /** Of an account, or of all (null). */
  async list(accountId: string | null, after: string, limit: number): Promise<ScheduleEntity[]> {
    const rows = await this.database.query<object>(
      `SELECT * FROM schedule WHERE ${accountId === null ? '$1::text IS NULL' : 'account_id = $1'} AND id > $2 ORDER BY id LIMIT $3`,
      [accountId, after, limit],
    );
    return rows.map((row) => this.rows.to(ScheduleEntity, row));
  }

  /**
   * Replaces what a caller decides; where `retimed` is false its next tick stays, which may be under way. Null where it was changed
   * by somebody else since it was read, or is gone.
   */
  async change(
    { id, changes }: ScheduleEntity,
    settings: ScheduleSettings,
    retimed: boolean,
  ): Promise<ScheduleEntity | null> {
    const [row] = await this.database.query<object>(
      `UPDATE schedule SET name = $3, cron = $4, every_s = $5, at = $6, time_zone = $7, operation = $8, missed = $9, overlap = $10,
         jitter_s = $11, ends_at = $12, since = $15, changes = changes + 1,
         next_tick = CASE WHEN NOT $16::boolean THEN next_tick WHEN paused_at IS NULL THEN $13::timestamptz END,
         due_at = CASE WHEN NOT $16 THEN due_at WHEN paused_at IS NULL THEN $14::timestamptz END
       WHERE id = $1 AND changes = $2 RETURNING *`,
      [id, changes, ...valuesOf(settings), retimed],
    );
    return row ? this.rows.to(ScheduleEntity, row) : null;
  }

  /** Ticks no more until it is resumed. */
  async pause(accountId: string, id: string): Promise<void> {
    await this.database.query(
      `UPDATE schedule SET paused_at = now(), next_tick = NULL, due_at = NULL, changes = changes + 1
       WHERE account_id = $1 AND id = $2 AND paused_at IS NULL`,
      [accountId, id],
    );
  }

  /** Null where it was changed by somebody else since it was read, or is gone. */
  async resume(
    { id, changes }: ScheduleEntity,
    next: Pick<ScheduleEntity, 'nextTick' | 'dueAt'>,
  ): Promise<ScheduleEntity | null> {
    const [row] = await this.database.query<object>(
      `UPDATE schedule SET paused_at = NULL, next_tick = $3, due_at = $4, changes = changes + 1
       WHERE id = $1 AND changes = $2 RETURNING *`,
      [id, changes, next.nextTick, next.dueAt],
    );
    return row ? this.rows.to(ScheduleEntity, row) : null;
  }

  async remove(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      'DELETE FROM schedule WHERE account_id = $1 AND id = $2 RETURNING id',
      [accountId, id],
    );
    return rows.length > 0;
  }

  /**
   * Takes up to `most` schedules that are due, and moves them on as `plan` says, in one commit with the operations that their ticks
   * submit: killed at any moment, a tick has become one operation or is due still. Others take other schedules meanwhile.
   */
  async tick(
    most: number,
    plan: (due: readonly DueSchedule[]) => Promise<readonly ScheduleMove[]>,
  ): Promise<{ readonly taken: number; readonly accepted: number }> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.query<{ busy: boolean; closed: boolean; looked_at: Date }>(
        'SELECT (schedule).*, busy, closed, looked_at FROM take_schedules($1, $2, $3)',
        [KNOWN, most, MAX_BYTES],
      );
      if (rows.length === 0) return { taken: 0, accepted: 0 };
      const due = rows.map(({ busy, closed, looked_at, ...row }) => ({
        schedule: this.rows.to(ScheduleEntity, row),
        busy,
        closed,
        now: looked_at,
      }));
      const moves = await plan(due);
      const operations = moves.flatMap((move) => move.operations);
      const declared = operations.filter((operation) => operation.declared);
      const [moved] = await tx.query<{ accepted: number }>(
        'SELECT move_schedules($1, $2, $3, $4) AS accepted',
        [
          jsonRows(moves.map(moveRow)),
          jsonRows(operations.map(acceptRow)),
          jsonRows(operations.map(keyRow)),
          declared.length === 0 ? null : [...new Set(declared.map(({ type }) => type))],
        ],
      );
      return { taken: rows.length, accepted: moved!.accepted };
    });
  }
}

function valuesOf(settings: ScheduleSettings): unknown[] {
  const { name, cron, everyS, at, timeZone, operation, missed, overlap, jitterS, endsAt } = settings;
  const { nextTick, dueAt, since } = settings;
  const decided = [name, cron, everyS, at, timeZone, operation, missed, overlap, jitterS, endsAt];
  return [...decided, nextTick, dueAt, since];
}

function moveRow({ id, nextTick, dueAt, operations, skipped }: ScheduleMove): object {
  const last = operations.at(-1);
  return {
    id,
    next_tick: nextTick,
    due_at: dueAt,
    last_tick: last?.tick,
    last_rid: last?.rid,
    skipped_tick: skipped?.tick,
    skipped_reason: skipped?.reason,
  };
}
