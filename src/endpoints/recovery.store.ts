import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { RecoveryEntity } from './endpoint.entity.js';

/** What a recovery brings forward: deliveries made from `since` to before `until`. */
export interface RecoveryScope {
  readonly accountId: string;
  /** Null: the account's operations' own callbacks. */
  readonly endpointId: string | null;
  /** Only callbacks to this origin. */
  readonly origin: string | null;
  readonly since: Date;
  readonly until: Date;
  /** Only what was given up for this reason. */
  readonly reason: string | null;
  /** Also what waits for its next attempt. */
  readonly pending: boolean;
}

/** A recovery, and how many of its deliveries have had their attempt. */
export interface RecoveryView {
  readonly recovery: RecoveryEntity;
  readonly sent: number;
}

/** Whether a recovery isn't finished. */
export const DUE_RECOVERIES = 'EXISTS (SELECT FROM recovery WHERE finished_at IS NULL)';

/** Deliveries of one lane that one step looks at, and lanes that it takes forward. */
const STEP = 100;
const LANES = 20;
/** Recovered deliveries of one lane that may wait at once: a recovery goes on as they are sent, and what is new waits for no more. */
const MAX_WAITING = 200;

/** What a recovery `r` has brought forward in its lane `p` and is not sent yet. */
const WAITS = `l.account_id = r.account_id AND l.lane = p.lane AND l.trigger = 'recovery'`;

/** Every statement on recoveries. Each is bounded, and a crash between two repeats or loses no delivery. */
@Injectable()
export class RecoveryStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Counts what there is to recover, by lanes, and begins. What is paused of a disabled endpoint counts as sent: enabling it does that. */
  async begin(id: string, scope: RecoveryScope): Promise<RecoveryEntity> {
    const { accountId, endpointId, origin, since, until, reason, pending } = scope;
    const [row] = await this.database.query<object>(
      `WITH r AS (
         SELECT $1::text AS id, $2::text AS account_id, $3::text AS endpoint_id, $5::timestamptz AS since, $6::timestamptz AS until,
           $7::text AS reason, $8::boolean AS pending
       ), lane AS MATERIALIZED (
         SELECT n.lane, count(*) AS found FROM r CROSS JOIN (${lanesOf(endpointId ?? origin)}) n
         CROSS JOIN LATERAL recoverable(r.account_id, n.lane, 0, NULL, r.since, r.until, r.reason, r.pending) GROUP BY n.lane
       ), paused AS (
         SELECT count(*) AS found FROM r JOIN live_delivery l ON l.endpoint_id = r.endpoint_id AND l.phase = 'paused'
         CROSS JOIN LATERAL (SELECT d.created_at, d.event_type FROM delivery d WHERE d.home = l.home AND d.seq = l.seq LIMIT 1) d
         WHERE r.pending AND d.created_at >= r.since AND d.created_at < r.until AND d.event_type <> 'endpoint.test'
       ), begun AS (
         INSERT INTO recovery (id, account_id, endpoint_id, since, until, reason, pending, found, requeued)
         SELECT r.*, p.found + coalesce((SELECT sum(l.found) FROM lane l), 0), p.found FROM r, paused p RETURNING *
       ), laned AS (
         INSERT INTO recovery_lane (recovery_id, lane) SELECT $1, l.lane FROM lane l
       )
       SELECT * FROM begun`,
      [id, accountId, endpointId, origin, since, until, reason, pending],
    );
    return this.rows.to(RecoveryEntity, row!);
  }

  /** Of an account, or of any (null). */
  async find(accountId: string | null, id: string): Promise<RecoveryView | null> {
    const [row] = await this.database.query<{ sent: number }>(
      `SELECT r.*, greatest(0, r.requeued - CASE r.state WHEN 'running' THEN (
         SELECT count(*) FROM recovery_lane p JOIN live_delivery l ON ${WAITS} WHERE p.recovery_id = r.id) ELSE 0 END)::integer AS sent
       FROM recovery r WHERE ($1::text IS NULL OR r.account_id = $1) AND r.id = $2`,
      [accountId, id],
    );
    return row ? { recovery: this.rows.to(RecoveryEntity, row), sent: row.sent } : null;
  }

  /** Brings no more forward; what it has brought forward is sent. False when it isn't running. */
  async cancel(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE recovery SET state = 'canceled', finished_at = now() WHERE account_id = $1 AND id = $2 AND state = 'running' RETURNING id`,
      [accountId, id],
    );
    return rows.length > 0;
  }

  /** Takes some lanes of running recoveries one step further, in one commit; lanes with enough that waits already are left. */
  async step(): Promise<{ looked: number; running: number }> {
    const [row] = await this.database.query<{ looked: number; running: number }>(
      'SELECT * FROM step_recoveries($1, $2, $3)',
      [STEP, LANES, MAX_WAITING],
    );
    return row!;
  }

  /** Ends those of which everything has been brought forward and has had its attempt. */
  async finish(): Promise<void> {
    await this.database.query(
      `UPDATE recovery r SET state = 'finished', finished_at = now() WHERE r.state = 'running' AND NOT EXISTS (
         SELECT FROM recovery_lane p WHERE p.recovery_id = r.id AND (NOT p.done OR EXISTS (SELECT FROM live_delivery l WHERE ${WAITS})))`,
    );
  }
}

/** Lanes of account $2 to recover in: one that is named ($3 or $4), or all those of its operations' own callbacks, which are origins. */
function lanesOf(named: string | null): string {
  if (named !== null) return 'SELECT coalesce($3, $4)::text AS lane';
  return `SELECT lane FROM undelivered WHERE account_id = $2 AND state = 'Exhausted' AND coalesce($3, $4) IS NULL AND position('://' IN lane) > 0
    UNION SELECT lane FROM live_delivery WHERE account_id = $2 AND phase = 'scheduled' AND position('://' IN lane) > 0`;
}
