/**
 * Whether dispatch would find an operation: one that waits or has a slot may be lost, overdue or spared, one that is scheduled may
 * be due, a flow key may have room, one that runs apart may have nobody left to end it, and so may one that is to be canceled.
 */
export const DUE_OPERATIONS = `EXISTS (SELECT FROM live_operation WHERE phase = 'ready' ORDER BY account_id, priority DESC, request_id LIMIT 1)
  OR EXISTS (SELECT FROM live_operation WHERE phase = 'placed' ORDER BY look_at LIMIT 1)
  OR EXISTS (SELECT FROM live_operation WHERE phase = 'apart' ORDER BY account_id, look_at LIMIT 1)
  OR EXISTS (SELECT FROM live_operation WHERE cancel_at <= now() ORDER BY cancel_at LIMIT 1)
  OR (SELECT min(look_at) FROM live_operation WHERE phase = 'scheduled') <= now()
  OR flows_due()`;

/** Whether one that runs apart waits, or has been left by its worker. */
export const DUE_APART = `EXISTS (SELECT FROM live_operation WHERE phase = 'apart' AND look_at <= now() AND (lease_token IS NULL OR due_at <= now()) ORDER BY account_id, look_at LIMIT 1)`;

/** Whether an operation is offered to remote workers. */
export const DUE_WORK = `EXISTS (SELECT FROM live_operation WHERE phase = 'offered' ORDER BY type, account_id, priority DESC, request_id LIMIT 1)
  OR flows_due()`;

/** Renews the leases `$1`, by request id, that still have the tokens `$2`, for `$3` seconds. */
export const RENEW_OPERATIONS = `UPDATE live_operation o SET look_at = least(o.look_at, now() + make_interval(secs => $3)), due_at = now() + make_interval(secs => $3)
       FROM (
         SELECT l.request_id, l.token FROM unnest($1::bigint[], $2::uuid[]) AS l (request_id, token)
         JOIN live_operation USING (request_id) ORDER BY request_id FOR UPDATE OF live_operation
       ) l WHERE o.request_id = l.request_id AND o.lease_token = l.token
       RETURNING o.request_id, o.cancel_at IS NOT NULL AS canceling`;
