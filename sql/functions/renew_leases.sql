-- Renews leases of remote workers that still have their tokens, each for its seconds, but not beyond the run's time. Answers those that
-- stand by their tokens, since leases of one operation may be lost and not: whether a caller has asked to cancel it, and who has it.
-- Of an account, or of all (null).
CREATE OR REPLACE FUNCTION renew_leases(leases json, account text)
RETURNS TABLE (request_id bigint, token uuid, canceling boolean, worker text)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH held AS (
    SELECT o.request_id, l.token, least(now() + make_interval(secs => l.lease_s), o.run_until) AS until
    FROM json_to_recordset(leases) AS l (request_id bigint, token uuid, lease_s float8) JOIN live_operation o USING (request_id)
    WHERE o.request_id = ANY (ARRAY(SELECT l.request_id FROM json_to_recordset(leases) AS l (request_id bigint)))
      AND o.lease_token = l.token AND o.run_until > now() AND (account IS NULL OR o.account_id = account)
    ORDER BY o.request_id FOR UPDATE OF o
  )
  UPDATE live_operation o SET look_at = least(o.look_at, h.until), due_at = h.until
  FROM held h WHERE o.request_id = ANY (ARRAY(SELECT h.request_id FROM held h)) AND o.request_id = h.request_id AND o.lease_token = h.token
  RETURNING o.request_id, o.lease_token, o.cancel_at IS NOT NULL, o.worker;
END $$;
