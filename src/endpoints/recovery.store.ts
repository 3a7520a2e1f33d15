import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { ACKNOWLEDGED_BY_POLL } from '../deliveries/delivery.state.js';
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
const MOST_WAITING = 200;

/** Deliveries `d` of a recovery `r`. Tests are samples; what its caller has read by poll, or may yet be told by an answer, is owed no more. */
const RECOVERABLE = `(d.state = 'Exhausted' OR d.phase = 'scheduled') AND d.body <> '' AND d.event_type <> 'endpoint.test'
  AND d.created_at >= r.since AND d.created_at < r.until
  AND CASE WHEN d.state = 'Exhausted' THEN (r.reason IS NULL OR d.reason = r.reason) AND d.reason IS DISTINCT FROM '${ACKNOWLEDGED_BY_POLL}'
    ELSE r.pending AND d.attempt_count > 0 END`;
const WAITS = `d.account_id = r.account_id AND d.lane = p.lane AND d.state = 'Pending' AND d.trigger = 'recovery'`;

/** Every statement on recoveries. Each is bounded, and a crash between two repeats or loses no delivery. */
@Injectable()
export class RecoveryStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Counts what there is to recover, by lanes, and begins. What a disabled endpoint holds counts as sent: enabling it does that. */
  async begin(id: string, scope: RecoveryScope): Promise<RecoveryEntity> {
    const { accountId, endpointId, origin, since, until, reason, pending } = scope;
    const [row] = await this.database.query<object>(
      `WITH r AS (
         SELECT $1::text AS id, $2::text AS account_id, $3::text AS endpoint_id, $5::timestamptz AS since, $6::timestamptz AS until,
           $7::text AS reason, $8::boolean AS pending
       ), lane AS (
         SELECT d.lane, count(*) AS found FROM r CROSS JOIN delivery d
         WHERE d.account_id = $2 AND ${endpointId === null && origin === null ? `position('://' IN d.lane) > 0 AND coalesce($3, $4) IS NULL` : 'd.lane = coalesce($3, $4)'}
           AND ${RECOVERABLE} GROUP BY d.lane
       ), held AS (
         SELECT count(*) AS found FROM r JOIN delivery d ON d.endpoint_id = r.endpoint_id
         WHERE r.pending AND d.phase = 'held' AND d.created_at >= r.since AND d.created_at < r.until AND d.event_type <> 'endpoint.test'
       ), begun AS (
         INSERT INTO recovery (id, account_id, endpoint_id, since, until, reason, pending, found, requeued)
         SELECT r.*, h.found + coalesce((SELECT sum(l.found) FROM lane l), 0), h.found FROM r, held h RETURNING *
       ), laned AS (
         INSERT INTO recovery_lane (recovery_id, lane) SELECT $1, l.lane FROM lane l
       )
       SELECT * FROM begun`,
      [id, accountId, endpointId, origin, since, until, reason, pending],
    );
    return this.rows.to(RecoveryEntity, row!);
  }

  async find(accountId: string, id: string): Promise<RecoveryView | null> {
    const [row] = await this.database.query<{ sent: number }>(
      `SELECT r.*, greatest(0, r.requeued - CASE r.state WHEN 'running' THEN (
         SELECT count(*) FROM recovery_lane p JOIN delivery d ON ${WAITS} WHERE p.recovery_id = r.id) ELSE 0 END)::integer AS sent
       FROM recovery r WHERE r.account_id = $1 AND r.id = $2`,
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
      `WITH part AS (
         SELECT p.recovery_id, p.lane, p.reached FROM recovery r JOIN recovery_lane p ON p.recovery_id = r.id
         WHERE r.state = 'running' AND NOT p.done AND (SELECT count(*) FROM (SELECT FROM delivery d WHERE ${WAITS} LIMIT $3) w) < $3
         ORDER BY r.created_at, p.recovery_id, p.lane LIMIT $2 FOR UPDATE OF p SKIP LOCKED
       ), step AS (
         SELECT p.recovery_id, p.lane, d.seq FROM part p JOIN recovery r ON r.id = p.recovery_id CROSS JOIN LATERAL (
           SELECT d.seq FROM delivery d WHERE d.account_id = r.account_id AND d.lane = p.lane AND d.seq > p.reached AND ${RECOVERABLE}
           ORDER BY d.account_id, d.lane, d.seq LIMIT $1
         ) d
       ), locked AS (
         SELECT d.seq, d.endpoint_id FROM delivery d WHERE d.seq = ANY (ARRAY(SELECT seq FROM step)) ORDER BY d.seq FOR UPDATE
       ), requeued AS (
         -- The schedule of one that waited goes on after it.
         UPDATE delivery d SET state = 'Pending', reason = NULL, trigger = 'recovery', run_at = now(),
           resume_at = CASE WHEN d.state = 'Exhausted' THEN NULL WHEN d.trigger = 'schedule' THEN d.run_at ELSE d.resume_at END,
           phase = CASE WHEN e.disabled_at IS NULL THEN 'ready' ELSE 'held' END, due_at = CASE WHEN e.disabled_at IS NULL THEN now() END
         FROM locked l LEFT JOIN endpoint e ON e.id = l.endpoint_id
         WHERE d.seq = l.seq AND (d.state = 'Exhausted' OR d.phase = 'scheduled') AND d.reason IS DISTINCT FROM '${ACKNOWLEDGED_BY_POLL}' AND d.body <> ''
         RETURNING d.seq
       ), went AS (
         UPDATE recovery_lane p SET reached = coalesce(s.last, p.reached), done = coalesce(s.count, 0) < $1
         FROM part x LEFT JOIN (
           SELECT recovery_id, lane, max(seq) AS last, count(*) AS count FROM step GROUP BY recovery_id, lane
         ) s USING (recovery_id, lane)
         WHERE p.recovery_id = x.recovery_id AND p.lane = x.lane
       ), counted AS (
         UPDATE recovery r SET requeued = r.requeued + n.count FROM (
           SELECT s.recovery_id, count(*) AS count FROM step s JOIN requeued q USING (seq) GROUP BY s.recovery_id
         ) n WHERE r.id = n.recovery_id
       )
       SELECT (SELECT count(*) FROM step)::integer AS looked, (SELECT count(*) FROM recovery WHERE state = 'running')::integer AS running`,
      [STEP, LANES, MOST_WAITING],
    );
    return row!;
  }

  /** Ends those of which everything has been brought forward and has had its attempt. */
  async finish(): Promise<void> {
    await this.database.query(
      `UPDATE recovery r SET state = 'finished', finished_at = now() WHERE r.state = 'running' AND NOT EXISTS (
         SELECT FROM recovery_lane p WHERE p.recovery_id = r.id AND (NOT p.done OR EXISTS (SELECT FROM delivery d WHERE ${WAITS})))`,
    );
  }
}
