import { Injectable } from '@nestjs/common';
import { getMetadataArgsStorage } from 'typeorm';
import { Database } from '../../database/database.js';
import { Rows } from '../../database/rows.js';
import type { DeliveryState } from '../../deliveries/delivery.state.js';
import { found, type Found, type PageOf, pageParameters } from '../../database/page-of.js';
import { type Face, OperationEntity } from '../operation.entity.js';
import { type OperationFilter, wantedOperations } from './operation-filter.js';

/** An operation with the state of its own callback's delivery, which moves on after the operation has ended. */
export interface OperationView {
  readonly operation: OperationEntity;
  /** Null where no callback was asked for. */
  readonly callbackState: DeliveryState | null;
  /** 1 for the next of its account to start; an estimate, at most 1,000. Null unless one ready operation was looked up. */
  readonly queuePosition?: number | null;
  /** Ends the operation; there once, for whoever submitted it. */
  readonly completionToken?: string | undefined;
}

/** Names an operation for those that act on many. */
export interface OperationNumber {
  readonly requestId: string;
  readonly rid: string;
  readonly accountId: string;
}

/** Of the delivery of an operation `o`'s own callback, once it is made. */
const CALLBACK_STATE = `(
  SELECT coalesce(x.state, 'Pending') FROM delivery d LEFT JOIN delivery_end x ON x.home = d.home AND x.seq = d.seq
  WHERE d.home = o.request_id AND d.destination = 'callback') AS callback_state`;

const PAGE = `FROM page_of_operations($1, $2, $3, $4) p
  LEFT JOIN LATERAL unnest(p.numbers) WITH ORDINALITY AS n (request_id, place) ON true`;

/** What a page reads of what its operations were given and came to, so that it fits into memory. */
export interface PageContent {
  /** Whether it reads inputs; without, they are null. */
  readonly input: boolean;
  /** Bytes of what it reads with which a page ends, whatever its limit is: it has at least one row. */
  readonly bytes: number;
}

const RESULTS: PageContent = { input: false, bytes: 16 * 1024 * 1024 };

/** An operation `n` as it stands. Looked up one by one, whatever the planner thinks of how many there are: a page reads no more than its own rows. */
function byNumber(instead: Readonly<Record<string, string>>): string {
  const columns = getMetadataArgsStorage()
    .filterColumns(OperationEntity)
    .map(({ options }) => options.name!)
    .map((name) => (name in instead ? `${instead[name]} AS ${name}` : name));
  return `(SELECT ${columns.join(', ')} FROM operation_view WHERE request_id = n.request_id OFFSET 0) o`;
}

const WITHOUT_CONTENT = byNumber({ input: 'NULL', result: 'NULL', custom: 'NULL' });
const WITH_RESULT = byNumber({ input: 'CASE WHEN $5 THEN input END' });

/** Every read of operations by their account; another account's are as if they weren't there. */
@Injectable()
export class OperationReads {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** One by its id; of whichever account where that is null. */
  async find(accountId: string | null, rid: string): Promise<OperationView | null> {
    return this.findOne([rid, null, accountId, null]);
  }

  /** Of an account, or of any (null). */
  async findByRequestId(accountId: string | null, requestId: string): Promise<OperationEntity | null> {
    const view = await this.findOne([null, requestId, accountId, null]);
    return view?.operation ?? null;
  }

  /** An operation of a face whatever its account: for faces whose ids are shared. */
  async findShared(face: Face, rid: string): Promise<OperationView | null> {
    return this.findOne([rid, null, null, face]);
  }

  private async findOne(
    which: [rid: string | null, requestId: string | null, accountId: string | null, face: Face | null],
  ): Promise<OperationView | null> {
    const [row] = await this.database.query<Row>(
      'SELECT (f.operation).*, f.callback_state, f.queue_position FROM find_operation($1, $2, $3, $4) f',
      which,
    );
    return row ? this.toView(row) : null;
  }

  /** Newest first, with how many there are in all; without what they were given and came to. */
  async newest(
    accountId: string,
    skip: number,
    take: number,
  ): Promise<{ operations: OperationEntity[]; total: number }> {
    const [rows, [all]] = await Promise.all([
      this.database.query<object>(
        `SELECT o.* FROM newest_operations($1, $2, $3) AS n (request_id) CROSS JOIN LATERAL ${WITHOUT_CONTENT} ORDER BY n.request_id DESC`,
        [accountId, skip, take],
      ),
      this.database.query<{ count: number }>(
        'SELECT count(*)::integer AS count FROM operation WHERE account_id = $1',
        [accountId],
      ),
    ]);
    return { operations: rows.map((row) => this.rows.to(OperationEntity, row)), total: all!.count };
  }

  /** Which of these have ended, or are gone: many waiting callers, one statement. */
  async ended(requestIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ request_id: string }>(
      `SELECT n.request_id FROM unnest($1::bigint[]) AS n (request_id)
       WHERE (SELECT l.request_id FROM live_operation l WHERE l.request_id = n.request_id LIMIT 1) IS NULL`,
      [requestIds],
    );
    return rows.map((row) => row.request_id);
  }

  /** A page of those that are meant, in the order of their numbers, or the newest first. */
  async list(
    filter: OperationFilter,
    page: PageOf,
    { input, bytes } = RESULTS,
  ): Promise<Found<OperationView>> {
    // Lengths are known without reading what is long.
    const rows = await this.database.query<Row & PageRow>(
      `SELECT * FROM (
         SELECT CASE WHEN n.place < cardinality(p.numbers) THEN n.request_id ELSE p.next END AS next, n.request_id AS number, n.place,
           coalesce(sum(coalesce(octet_length(o.input), 0) + coalesce(octet_length(o.result), 0) + coalesce(octet_length(o.custom), 0))
             OVER (ORDER BY n.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before, o.*, ${CALLBACK_STATE}
         ${PAGE} LEFT JOIN LATERAL ${WITH_RESULT} ON true
       ) o WHERE o.bytes_before < $6 ORDER BY o.place`,
      [...pageParameters(wantedOperations(filter), page), input, bytes],
    );
    return found(rows, (row) => this.toView(row));
  }

  /** As `list`, for those that act on what is found. */
  async select(filter: OperationFilter, page: PageOf): Promise<Found<OperationNumber>> {
    const rows = await this.database.query<PageRow & { rid: string; account_id: string }>(
      `SELECT p.next, n.request_id AS number, o.rid, o.account_id ${PAGE}
       LEFT JOIN LATERAL (SELECT rid, account_id FROM operation WHERE request_id = n.request_id LIMIT 1) o ON true ORDER BY n.place`,
      pageParameters(wantedOperations(filter), page),
    );
    return found(rows, ({ number, rid, account_id }) => ({ requestId: number!, rid, accountId: account_id }));
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

interface PageRow {
  next: string | null;
  number: string | null;
}

interface Row {
  callback_state: DeliveryState | null;
  queue_position?: number | null;
}
