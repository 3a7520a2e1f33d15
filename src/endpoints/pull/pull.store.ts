import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { Rows } from '../../database/rows.js';
import type { LeasedDelivery } from '../../deliveries/delivery-claim.js';
import { DeliveryEntity } from '../../deliveries/delivery.entity.js';
import type { DeliveryState } from '../../deliveries/delivery.state.js';
import { EndpointEntity } from '../endpoint.entity.js';

/** A delivery that a consumer has: its attempt is under way. */
export interface Lease {
  readonly delivery: LeasedDelivery;
  readonly token: string;
  /** PostgreSQL's clock when it was pulled. */
  readonly startedAt: Date;
}

/** A delivery that a consumer names: with its lease where one stands. */
export interface NamedDelivery {
  readonly id: string;
  readonly state: DeliveryState;
  readonly lease: Lease | null;
  /** PostgreSQL's clock now. */
  readonly at: Date;
}

/** Bytes of the bodies of one answer, if they are more than one. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A pull endpoint that nobody has pulled for `idleS`; ephemeral ones have a time of their own. */
const IDLE = (idleS: number): string =>
  `mode = 'pull' AND disabled_at IS NULL AND ephemeral_s IS NULL AND coalesce(pulled_at, created_at) < now() - make_interval(secs => ${idleS})`;

/** Whether a round would find a lease that has run out, or an endpoint that nobody pulls. */
export const DUE_PULLS = (idleS: number): string =>
  `(SELECT min(look_at) FROM live_delivery WHERE phase = 'leased') <= now()
  OR EXISTS (SELECT FROM endpoint e WHERE e.mode = 'pull' AND is_over(e))
  OR EXISTS (SELECT FROM endpoint WHERE ${IDLE(idleS)})`;

/** Every statement on what consumers pull. */
@Injectable()
export class PullStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** An endpoint of an account, or of any (null), at which a consumer asks, which is noted; null where there is none. */
  async attend(accountId: string | null, id: string): Promise<EndpointEntity | null> {
    const [row] = await this.database.query<object>(
      `SELECT e.*, note_pulled(ARRAY[e.id]) FROM endpoint e WHERE ($1::text IS NULL OR e.account_id = $1) AND e.id = $2`,
      [accountId, id],
    );
    return row ? this.rows.to(EndpointEntity, row) : null;
  }

  /** Leases what waits for a consumer, the oldest first; a bounded part of it. */
  async lease(endpointId: string, most: number, leaseS: number): Promise<Lease[]> {
    const rows = await this.database.query<LeaseRow>(
      'SELECT (live).*, (delivery).* FROM pull_deliveries($1, $2, $3, make_interval(secs => $4))',
      [endpointId, most, MAX_BYTES, leaseS],
    );
    return rows.map((row) => this.leased(row));
  }

  /** Gives leases back whose consumer has gone before it was answered. */
  async giveBack(leases: readonly Lease[]): Promise<void> {
    await this.database.query('SELECT give_back_leased($1, $2)', [
      leases.map(({ delivery }) => delivery.seq),
      leases.map(({ token }) => token),
    ]);
  }

  /** Deliveries of an endpoint by id; what isn't the endpoint's is left out. */
  async named(endpointId: string, ids: readonly string[]): Promise<NamedDelivery[]> {
    const rows = await this.database.query<LeaseRow & { state: DeliveryState; at: Date }>(
      'SELECT (live).*, (delivery).*, state, clock_timestamp() AS at FROM pulled_deliveries($1, $2)',
      [endpointId, ids],
    );
    return rows.map((row) => ({
      id: row.id,
      state: row.state,
      lease: row.lease_token === null ? null : this.leased(row),
      at: row.at,
    }));
  }

  /** Which of these endpoints, whose consumers wait, have something to tell them; notes that they are pulled. */
  async due(endpointIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>('SELECT id FROM pulls_due($1) AS d (id)', [
      endpointIds,
    ]);
    return rows.map(({ id }) => id);
  }

  /** Holds again what was leased and not acknowledged in its time; answers how many. */
  async rescue(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>('SELECT rescue_leased($1) AS count', [most]);
    return row!.count;
  }

  /** Deletes ephemeral endpoints that nobody has pulled for their time. */
  async removeEphemeral(most: number): Promise<{ id: string; accountId: string }[]> {
    const rows = await this.database.query<{ id: string; account_id: string }>(
      'SELECT * FROM remove_ephemeral($1)',
      [most],
    );
    return rows.map(({ id, account_id }) => ({ id, accountId: account_id }));
  }

  /** Endpoints that nobody has pulled for `idleS`. */
  async idle(idleS: number, most: number): Promise<{ id: string; accountId: string }[]> {
    const rows = await this.database.query<{ id: string; account_id: string }>(
      `SELECT id, account_id FROM endpoint WHERE ${IDLE(idleS)} ORDER BY id LIMIT $1`,
      [most],
    );
    return rows.map(({ id, account_id }) => ({ id, accountId: account_id }));
  }

  private leased(row: LeaseRow): Lease {
    return {
      delivery: this.rows.to(DeliveryEntity, row),
      token: row.lease_token!,
      startedAt: row.started_at!,
    };
  }
}

/** A live row and its record. */
interface LeaseRow {
  readonly id: string;
  readonly lease_token: string | null;
  readonly started_at: Date | null;
}
