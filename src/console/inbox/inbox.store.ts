import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

/** Whose secrets sign a delivery. */
export interface DeliveryOwner {
  readonly accountId: string;
  readonly endpointId: string | null;
}

/** The statement of the inbox: it knows deliveries by their ids alone. */
@Injectable()
export class InboxStore {
  constructor(private readonly database: Database) {}

  async ownerOf(deliveryId: string): Promise<DeliveryOwner | null> {
    const [row] = await this.database.query<{ account_id: string; endpoint_id: string | null }>(
      'SELECT account_id, endpoint_id FROM delivery WHERE id = $1',
      [deliveryId],
    );
    return row ? { accountId: row.account_id, endpointId: row.endpoint_id } : null;
  }
}
