import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** The reason of a disabling that the service didn't decide. */
export const BY_HAND = 'disabled_by_hand';

/** Disables and enables endpoints together with the deliveries that wait for them. */
@Injectable()
export class EndpointHealthStore {
  constructor(private readonly database: Database) {}

  /** Holds the endpoint's deliveries, tells the account's other endpoints and, if not by hand, the audit; false when it was disabled already. */
  async disable(endpointId: string, reason: string): Promise<boolean> {
    const rows = await this.database.query(
      `WITH disabled AS (
         UPDATE endpoint SET disabled_at = now(), disabled_reason = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING *
       ), held AS (
         UPDATE delivery d SET phase = 'held', hinted_at = NULL, due_at = NULL FROM disabled x
         WHERE d.endpoint_id = x.id AND d.phase IN ('scheduled', 'ready', 'hinted')
       ), told AS (
         INSERT INTO delivery (account_id, event_type, body, id, endpoint_id, lane, destination, url, origin, phase, due_at)
         SELECT x.account_id, 'endpoint.disabled', json_build_object(
             'type', 'endpoint.disabled', 'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'data', json_build_object('id', x.id, 'description', x.description, 'disabled_reason', x.disabled_reason,
               'disabled_at', to_char(x.disabled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::text,
           new_delivery_id(), e.id, e.id, e.id, e.url, e.origin,
           CASE WHEN e.disabled_at IS NULL THEN 'ready' ELSE 'held' END, CASE WHEN e.disabled_at IS NULL THEN now() END
         FROM disabled x JOIN endpoint e ON e.account_id = x.account_id AND e.id <> x.id AND 'endpoint.disabled' = ANY (e.events)
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

  /** Its health starts anew, and the dispatcher sends what was held. False when it wasn't disabled. */
  async enable(endpointId: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE endpoint SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL
       WHERE id = $1 AND disabled_at IS NOT NULL RETURNING id`,
      [endpointId],
    );
    return rows.length > 0;
  }
}
