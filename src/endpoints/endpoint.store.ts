import { Injectable } from '@nestjs/common';
import { Database, type Queryable } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { EndpointEntity } from './endpoint.entity.js';

/** The settings of an endpoint, as they are stored. */
export type EndpointSettings = Pick<
  EndpointEntity,
  | 'mode'
  | 'url'
  | 'origin'
  | 'description'
  | 'events'
  | 'headers'
  | 'retrySchedule'
  | 'maxInFlight'
  | 'ratePerS'
  | 'signatureProfile'
  | 'thinOver'
  | 'clientCertificate'
  | 'leaseS'
  | 'ephemeralS'
>;

/** An hour of an endpoint's attempts. Durations are milliseconds. */
export interface HourOfAttempts {
  readonly hour: Date;
  readonly succeeded: number;
  readonly failed: number;
  readonly p95_ms: number | null;
}

/** How an endpoint does: what it is owed (of which an attempt is under way, or which is held), and its attempts by hour. */
export interface EndpointStats {
  readonly pending: number;
  readonly in_flight: number;
  readonly held: number;
  readonly hours: HourOfAttempts[];
}

/** Every statement on endpoints. */
@Injectable()
export class EndpointStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Makes an endpoint unless the account has `most` already; null then. `also` runs in the same commit. */
  async create(
    accountId: string,
    id: string,
    settings: EndpointSettings,
    most: number,
    also: (tx: Queryable) => Promise<void>,
  ): Promise<EndpointEntity | null> {
    return this.database.transaction(async (tx) => {
      // One at a time per account, so that the cap holds.
      await tx.query('SELECT id FROM account WHERE id = $1 FOR UPDATE', [accountId]);
      const [row] = await tx.query<object>(
        `INSERT INTO endpoint (id, account_id, url, origin, description, events, headers, retry_schedule, max_in_flight, rate_per_s, signature_profile, thin_over, client_certificate, lease_s, ephemeral_s, mode)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 WHERE (SELECT count(*) FROM endpoint WHERE account_id = $2) < $17
         RETURNING *`,
        [id, accountId, ...values(settings), settings.mode, most],
      );
      if (!row) return null;
      await also(tx);
      return this.rows.to(EndpointEntity, row);
    });
  }

  /** Of an account, or of any (null). */
  async find(accountId: string | null, id: string): Promise<EndpointEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM endpoint WHERE ($1::text IS NULL OR account_id = $1) AND id = $2',
      [accountId, id],
    );
    return row ? this.rows.to(EndpointEntity, row) : null;
  }

  /** Of an account, or of all (null). */
  async list(accountId: string | null, after: string, limit: number): Promise<EndpointEntity[]> {
    const rows = await this.database.query<object>(
      `SELECT * FROM endpoint WHERE ${accountId === null ? '$1::text IS NULL' : 'account_id = $1'} AND id > $2 ORDER BY id LIMIT $3`,
      [accountId, after, limit],
    );
    return rows.map((row) => this.rows.to(EndpointEntity, row));
  }

  /** Replaces the settings; deliveries that still wait go where the endpoint is when they are dispatched. */
  async change(accountId: string, id: string, settings: EndpointSettings): Promise<EndpointEntity | null> {
    const [row] = await this.database.query<object>(
      `UPDATE endpoint SET url = $3, origin = $4, description = $5, events = $6, headers = $7, retry_schedule = $8,
         max_in_flight = $9, rate_per_s = $10, signature_profile = $11, thin_over = $12, client_certificate = $13, lease_s = $14, ephemeral_s = $15
       WHERE id = $1 AND account_id = $2 RETURNING *`,
      [id, accountId, ...values(settings)],
    );
    return row ? this.rows.to(EndpointEntity, row) : null;
  }

  /** Deletes an endpoint and cancels what was still owed to it; the log of its deliveries stays. */
  async remove(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      `WITH removed AS (
         DELETE FROM endpoint WHERE id = $1 AND account_id = $2 RETURNING id
       ), canceled AS (
         SELECT c.seq FROM removed r CROSS JOIN LATERAL cancel_deliveries(
           ARRAY(SELECT l.seq FROM live_delivery l WHERE l.endpoint_id = r.id), 'endpoint_deleted') AS c (seq)
       ), unrecovered AS (
         UPDATE recovery c SET state = 'canceled', finished_at = now() FROM removed r WHERE c.account_id = $2 AND c.endpoint_id = r.id AND c.state = 'running'
       )
       SELECT id, (SELECT count(*) FROM canceled) FROM removed`,
      [id, accountId],
    );
    return rows.length > 0;
  }

  /** Attempts by hour over the last `hours`, and what is pending now. */
  async stats(accountId: string, id: string, hours: number): Promise<EndpointStats> {
    const byHour = await this.database.query<HourOfAttempts>(
      `SELECT date_trunc('hour', a.started_at) AS hour,
         count(*) FILTER (WHERE a.outcome = 'delivered')::integer AS succeeded,
         count(*) FILTER (WHERE a.outcome = 'failed')::integer AS failed,
         percentile_cont(0.95) WITHIN GROUP (ORDER BY a.duration_ms) AS p95_ms
       FROM delivery d CROSS JOIN LATERAL (
         SELECT * FROM attempt a WHERE a.home = d.home AND a.delivery_seq = d.seq AND a.started_at > now() - make_interval(hours => $3) OFFSET 0
       ) a
       WHERE d.account_id = $1 AND d.endpoint_id = $2
       GROUP BY 1 ORDER BY 1`,
      [accountId, id, hours],
    );
    const [owed] = await this.database.query<Omit<EndpointStats, 'hours'>>(
      `SELECT count(*)::integer AS pending, count(*) FILTER (WHERE lease_token IS NOT NULL)::integer AS in_flight,
         count(*) FILTER (WHERE phase = 'paused' OR (phase = 'held' AND (SELECT disabled_at IS NOT NULL FROM endpoint WHERE id = $2)))::integer AS held
       FROM live_delivery WHERE account_id = $1 AND endpoint_id = $2`,
      [accountId, id],
    );
    return { ...owed!, hours: byHour };
  }
}

function values(settings: EndpointSettings): unknown[] {
  return [
    settings.url,
    settings.origin,
    settings.description,
    settings.events,
    settings.headers,
    settings.retrySchedule,
    settings.maxInFlight,
    settings.ratePerS,
    settings.signatureProfile,
    settings.thinOver,
    settings.clientCertificate,
    settings.leaseS,
    settings.ephemeralS,
  ];
}
