import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** The reason of a disabling that the service didn't decide. */
export const BY_HAND = 'disabled_by_hand';

/** Disables and enables endpoints together with the deliveries that wait for them. */
@Injectable()
export class EndpointHealthStore {
  constructor(private readonly database: Database) {}

  /** Pauses the endpoint's deliveries, tells the account's other endpoints and, if not by hand, the audit; false when it was disabled already. */
  async disable(endpointId: string, reason: string): Promise<boolean> {
    const rows = await this.database.query(
      `WITH disabled AS (
         UPDATE endpoint SET disabled_at = now(), disabled_reason = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING *
       ), waiting AS (
         SELECT l.seq FROM disabled x JOIN live_delivery l ON l.endpoint_id = x.id
         WHERE l.phase IN ('scheduled', 'ready') OR (l.phase = 'placed' AND l.lease_token IS NULL) ORDER BY l.seq FOR UPDATE OF l
       ), paused AS (
         UPDATE live_delivery SET phase = 'paused', dispatched_at = NULL, look_at = 'infinity', due_at = 'infinity'
         WHERE seq = ANY (ARRAY(SELECT seq FROM waiting))
       ), telling AS MATERIALIZED (
         SELECT nextval('record_id') AS seq, e.*, json_build_object(
             'type', 'endpoint.disabled', 'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'data', json_build_object('id', x.id, 'description', x.description, 'disabled_reason', x.disabled_reason,
               'disabled_at', to_char(x.disabled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::text AS body
         FROM disabled x JOIN endpoint e ON e.account_id = x.account_id AND e.id <> x.id AND 'endpoint.disabled' = ANY (e.events)
       ), told AS (
         INSERT INTO delivery (home, seq, id, account_id, endpoint_id, destination, event_type, url, origin, body)
         SELECT t.seq, t.seq, new_delivery_id(), t.account_id, t.id, t.id, 'endpoint.disabled', t.url, t.origin, t.body FROM telling t
       ), owed AS (
         INSERT INTO live_delivery (seq, home, account_id, endpoint_id, lane, origin, phase, look_at, due_at)
         SELECT t.seq, t.seq, t.account_id, t.id, t.id, t.origin, p.phase, p.due_at, p.due_at
         FROM telling t CROSS JOIN LATERAL live_phase(t.disabled_at IS NOT NULL, t.mode) p
       ), written AS (
         -- What somebody does by hand is written down where their key is known.
         INSERT INTO audit (account_id, action, target, details)
         SELECT account_id, 'endpoint.disabled', id, jsonb_build_object('reason', disabled_reason) FROM disabled
         WHERE disabled_reason <> '${BY_HAND}'
       )
       SELECT id FROM disabled`,
      [endpointId, reason],
    );
    return rows.length > 0;
  }

  /** Its health starts anew, and the dispatcher sends what was paused. False when it wasn't disabled. */
  async enable(endpointId: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE endpoint SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, pulled_at = CASE mode WHEN 'pull' THEN now() END
       WHERE id = $1 AND disabled_at IS NOT NULL RETURNING id`,
      [endpointId],
    );
    return rows.length > 0;
  }
}
