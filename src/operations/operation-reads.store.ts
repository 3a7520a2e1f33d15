import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { ACKNOWLEDGED_BY_POLL, type DeliveryState } from '../deliveries/delivery.state.js';
import { type Face, OperationEntity } from './operation.entity.js';
import type { OperationState } from './operation.state.js';

/** The least place that `queuePosition` doesn't tell from those behind it. */
const MOST_POSITION = 1_000;

/** An operation with the state of its own callback's delivery, which moves on after the operation has ended. */
export interface OperationView {
  readonly operation: OperationEntity;
  /** Null where no callback was asked for. */
  readonly callbackState: DeliveryState | null;
  /** 1 for the next of its account to start; an estimate, at most 1,000. Null unless one ready operation was looked up. */
  readonly queuePosition?: number | null;
}

export interface OperationFilter {
  readonly status?: OperationState | undefined;
  readonly type?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly finishedAfter?: Date | undefined;
  readonly undelivered?: boolean | undefined;
  /** Request id to go on after. */
  readonly after: string;
  readonly limit: number;
}

const FROM = `FROM operation o LEFT JOIN delivery d ON d.operation_id = o.request_id AND d.destination = 'callback'`;
const VIEW = `SELECT o.*, d.state AS callback_state ${FROM}`;

/**
 * Operations of account $1 after $2 of which a callback has not been delivered: word for word what the index delivery_undelivered
 * holds, in its order, so that a page stops where it is full. Each row is looked up by itself, whatever the planner thinks of how many there are.
 */
const UNDELIVERED = `(
  SELECT DISTINCT operation_id FROM delivery
  WHERE account_id = $1 AND operation_id > $2 AND state <> 'Delivered' AND reason IS DISTINCT FROM '${ACKNOWLEDGED_BY_POLL}'
  ORDER BY operation_id
) u CROSS JOIN LATERAL (SELECT * FROM operation WHERE request_id = u.operation_id OFFSET 0) o`;

/** Two ranges of the index that dispatch follows, and no more of it than is told. */
const POSITION = `CASE o.phase WHEN 'hinted' THEN 1 WHEN 'ready' THEN 1 + (
  SELECT count(*)::integer FROM (
    (SELECT FROM operation a WHERE a.account_id = o.account_id AND a.phase = 'ready' AND a.priority > o.priority LIMIT ${MOST_POSITION - 1})
    UNION ALL
    (SELECT FROM operation a WHERE a.account_id = o.account_id AND a.phase = 'ready' AND a.priority = o.priority AND a.request_id < o.request_id
     LIMIT ${MOST_POSITION - 1})
    LIMIT ${MOST_POSITION - 1}
  ) ahead) END`;

/** Every read of operations by their account; another account's are as if they weren't there. */
@Injectable()
export class OperationReads {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  async find(accountId: string, rid: string): Promise<OperationView | null> {
    const [row] = await this.database.query<Row>(
      `SELECT o.*, d.state AS callback_state, ${POSITION} AS queue_position ${FROM} WHERE o.account_id = $1 AND o.rid = $2`,
      [accountId, rid],
    );
    return row ? this.toView(row) : null;
  }

  async findByRequestId(accountId: string, requestId: string): Promise<OperationEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM operation WHERE account_id = $1 AND request_id = $2',
      [accountId, requestId],
    );
    return row ? this.rows.to(OperationEntity, row) : null;
  }

  /** Newest first, with how many there are in all. */
  async newest(
    accountId: string,
    skip: number,
    take: number,
  ): Promise<{ operations: OperationEntity[]; total: number }> {
    const [rows, [all]] = await Promise.all([
      this.database.query<object>(
        'SELECT * FROM operation WHERE account_id = $1 ORDER BY request_id DESC OFFSET $2 LIMIT $3',
        [accountId, skip, take],
      ),
      this.database.query<{ count: number }>(
        'SELECT count(*)::integer AS count FROM operation WHERE account_id = $1',
        [accountId],
      ),
    ]);
    return { operations: rows.map((row) => this.rows.to(OperationEntity, row)), total: all!.count };
  }

  /** An operation of a face whatever its account: for faces whose ids are shared. */
  async findShared(face: Face, rid: string): Promise<OperationView | null> {
    const [row] = await this.database.query<Row>(`${VIEW} WHERE o.face = $1 AND o.rid = $2`, [face, rid]);
    return row ? this.toView(row) : null;
  }

  /** Which of these have ended: many waiting callers, one statement. */
  async ended(requestIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ request_id: string }>(
      'SELECT request_id FROM operation WHERE request_id = ANY($1::bigint[]) AND due_at IS NULL',
      [requestIds],
    );
    return rows.map((row) => row.request_id);
  }

  async list(accountId: string, filter: OperationFilter): Promise<OperationView[]> {
    const parameters: unknown[] = [accountId, filter.after, filter.limit];
    const conditions = ['o.account_id = $1', 'o.request_id > $2'];
    const add = (condition: string, value: unknown): void => {
      parameters.push(value);
      conditions.push(condition.replace('?', `$${parameters.length}`));
    };
    if (filter.status !== undefined) add('o.state = ?', filter.status);
    if (filter.type !== undefined) add('o.type = ?', filter.type);
    if (filter.createdAfter !== undefined) add('o.created_at > ?', filter.createdAfter);
    if (filter.finishedAfter !== undefined) add('o.finished_at > ?', filter.finishedAfter);
    const [from, order] =
      filter.undelivered === true ? [UNDELIVERED, 'u.operation_id'] : ['operation o', 'o.request_id'];
    const rows = await this.database.query<Row>(
      `SELECT o.*, (SELECT d.state FROM delivery d WHERE d.operation_id = o.request_id AND d.destination = 'callback') AS callback_state
       FROM ${from} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT $3`,
      parameters,
    );
    return rows.map((row) => this.toView(row));
  }

  /** The operation that an idempotency key made, and the fingerprint of the body it came with. */
  async findByKey(accountId: string, key: string): Promise<{ rid: string; fingerprint: string } | null> {
    const [row] = await this.database.query<{ rid: string; fingerprint: string }>(
      'SELECT rid, fingerprint FROM idempotency_key WHERE account_id = $1 AND key = $2 AND expires_at > now()',
      [accountId, key],
    );
    return row ?? null;
  }

  /** Frees a key whose day has passed, so that it can be used anew. */
  async dropExpiredKey(accountId: string, key: string): Promise<void> {
    await this.database.query(
      'DELETE FROM idempotency_key WHERE account_id = $1 AND key = $2 AND expires_at <= now()',
      [accountId, key],
    );
  }

  private toView(row: Row): OperationView {
    const operation = this.rows.to(OperationEntity, row);
    return {
      operation,
      queuePosition: row.queue_position ?? null,
      // One that ended in silence owes its callback nothing.
      callbackState:
        operation.callbackUrl === null
          ? null
          : (row.callback_state ?? (operation.silent && operation.dueAt === null ? 'Canceled' : 'Pending')),
    };
  }
}

interface Row {
  callback_state: DeliveryState | null;
  queue_position?: number | null;
}
