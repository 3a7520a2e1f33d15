import { Injectable } from '@nestjs/common';
import { Database, type Queryable } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { found, type Found, type PageOf, pageParameters } from '../database/page-of.js';
import type { DeliveryFilter, ErrorClass } from './delivery-filter.js';
import { AttemptEntity, DeliveryEntity } from './delivery.entity.js';

/** Names a delivery for those that act on many. */
export interface DeliveryNumber {
  readonly home: string;
  readonly seq: string;
  readonly id: string;
  readonly accountId: string;
}

/** A delivery as it is shown. */
export type ShownDelivery = DeliveryEntity & {
  /** How its last attempt failed; null where none did, and of a Delivered one. */
  readonly lastError: ErrorClass | null;
};

const LAST_ERROR = `CASE WHEN d.state <> 'Delivered' THEN (
  SELECT error_class(a.outcome, a.http_status, a.error) FROM attempt a
  WHERE a.home = d.home AND a.delivery_seq = d.seq ORDER BY a.number DESC LIMIT 1) END AS last_error`;

const PAGE = (also: string) => `SELECT p.next, n.number, d.*${also} FROM page_of_deliveries($1, $2, $3, $4) p
  LEFT JOIN LATERAL unnest(p.homes, p.numbers) WITH ORDINALITY AS n (home, number, place) ON true`;

/** Every read of deliveries by their account; another account's are as if they weren't there. */
@Injectable()
export class DeliveryReads {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Of an account, or of any (null). */
  find(accountId: string | null, id: string): Promise<ShownDelivery | null> {
    return this.findBy(this.database, accountId, id);
  }

  /** The log of one delivery, oldest attempt first, with the one under way. */
  attempts(deliveryId: string): Promise<AttemptEntity[]> {
    return this.attemptsBy(this.database, deliveryId);
  }

  /** One with its log, both of the same moment: whoever sees how an attempt ended sees what that made of the delivery. */
  whole(
    accountId: string | null,
    id: string,
  ): Promise<{ delivery: ShownDelivery; attempts: AttemptEntity[] } | null> {
    return this.database.transaction(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const delivery = await this.findBy(tx, accountId, id);
      return delivery && { delivery, attempts: await this.attemptsBy(tx, id) };
    });
  }

  private async findBy(
    database: Queryable,
    accountId: string | null,
    id: string,
  ): Promise<ShownDelivery | null> {
    const [row] = await database.query<ShownRow>(`SELECT d.*, ${LAST_ERROR} FROM find_delivery($1, $2) d`, [
      accountId,
      id,
    ]);
    return row ? this.shown(row) : null;
  }

  private async attemptsBy(database: Queryable, deliveryId: string): Promise<AttemptEntity[]> {
    const rows = await database.query<object>(
      'SELECT * FROM attempt_view WHERE delivery_id = $1 ORDER BY number',
      [deliveryId],
    );
    return rows.map((row) => this.rows.to(AttemptEntity, row));
  }

  /** A page of those that are meant, in the order in which they were made, or the newest first. */
  async list(filter: DeliveryFilter, page: PageOf): Promise<Found<ShownDelivery>> {
    const rows = await this.database.query<PageRow & ShownRow>(
      `${PAGE(`, ${LAST_ERROR}`)} LEFT JOIN LATERAL (SELECT * FROM delivery_view WHERE home = n.home AND seq = n.number OFFSET 0) d ON true ORDER BY n.place`,
      pageParameters(filter, page),
    );
    return found(rows, (row) => this.shown(row));
  }

  /** As `list`, for those that act on what is found. */
  async select(filter: DeliveryFilter, page: PageOf): Promise<Found<DeliveryNumber>> {
    const rows = await this.database.query<PageRow & { home: string; id: string; account_id: string }>(
      `${PAGE('')} LEFT JOIN LATERAL (SELECT home, id, account_id FROM delivery WHERE home = n.home AND seq = n.number LIMIT 1) d ON true ORDER BY n.place`,
      pageParameters(filter, page),
    );
    return found(rows, ({ home, number, id, account_id }) => ({
      home,
      seq: number!,
      id,
      accountId: account_id,
    }));
  }

  private shown(row: ShownRow): ShownDelivery {
    return { ...this.rows.to(DeliveryEntity, row), lastError: row.last_error };
  }
}

interface ShownRow {
  last_error: ErrorClass | null;
}

interface PageRow {
  next: string | null;
  number: string | null;
}
