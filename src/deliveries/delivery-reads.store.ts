import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { AttemptEntity, DeliveryEntity } from './delivery.entity.js';
import type { DeliveryState } from './delivery.state.js';

export interface DeliveryFilter {
  readonly status?: DeliveryState | undefined;
  readonly endpoint?: string | undefined;
  /** Request id of an operation. */
  readonly operationId?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Sequence number to go on after. */
  readonly after: string;
  readonly limit: number;
}

/** Every read of deliveries by their account; another account's are as if they weren't there. */
@Injectable()
export class DeliveryReads {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  async find(accountId: string, id: string): Promise<DeliveryEntity | null> {
    const [row] = await this.database.query<object>('SELECT * FROM find_delivery($1, $2)', [accountId, id]);
    return row ? this.rows.to(DeliveryEntity, row) : null;
  }

  /** The log of one delivery, oldest attempt first, with the one under way. */
  async attempts(deliveryId: string): Promise<AttemptEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM attempt_view WHERE delivery_id = $1 ORDER BY number',
      [deliveryId],
    );
    return rows.map((row) => this.rows.to(AttemptEntity, row));
  }

  /** In the order in which they were made. */
  async list(accountId: string, filter: DeliveryFilter): Promise<DeliveryEntity[]> {
    const rows = await this.database.query<object>(
      `SELECT d.* FROM page_of_deliveries($1, $2, $3, $4, $5, $6, $7, $8) n
       CROSS JOIN LATERAL (SELECT * FROM delivery_view WHERE home = n.home AND seq = n.seq OFFSET 0) d ORDER BY n.seq`,
      [
        accountId,
        filter.after,
        filter.limit,
        filter.status ?? null,
        filter.endpoint ?? null,
        filter.operationId ?? null,
        filter.since ?? null,
        filter.until ?? null,
      ],
    );
    return rows.map((row) => this.rows.to(DeliveryEntity, row));
  }
}
