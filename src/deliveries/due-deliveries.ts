/** Whether dispatch would find a delivery: as with operations, and one that is paused may be paused no longer. */
export const DUE_DELIVERIES = `EXISTS (SELECT FROM live_delivery WHERE phase = 'ready' ORDER BY lane, receiver, run_at, seq LIMIT 1)
  OR EXISTS (SELECT FROM live_delivery WHERE phase = 'placed' ORDER BY look_at LIMIT 1)
  OR EXISTS (SELECT FROM live_delivery WHERE phase = 'paused' ORDER BY endpoint_id, seq LIMIT 1)
  OR (SELECT min(look_at) FROM live_delivery WHERE phase = 'scheduled') <= now()`;

/** Renews the leases `$1`, by number, that still have the tokens `$2`, for `$3` seconds. */
export const RENEW_DELIVERIES = `UPDATE live_delivery d SET look_at = least(d.look_at, now() + make_interval(secs => $3)), due_at = now() + make_interval(secs => $3)
       FROM (
         SELECT l.seq, l.token FROM unnest($1::bigint[], $2::uuid[]) AS l (seq, token)
         JOIN live_delivery USING (seq) ORDER BY seq FOR UPDATE OF live_delivery
       ) l WHERE d.seq = l.seq AND d.lease_token = l.token`;
