-- Leases polls that are due to the caller, `most` of them, each with where its operation stands: nobody else polls these before the
-- lease is over. `waits` is false while somebody ends or runs the operation, and null once it has ended, as `ended` says. In front of
-- the index are those that are being polled, which are never many.
CREATE OR REPLACE FUNCTION take_polls(most integer, token uuid, lease interval)
RETURNS TABLE (request_id bigint, account_id text, rid text, type text, failures smallint, refusals smallint, target text,
  progress real, status_text text, waits boolean, ended text)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  due bigint[];
BEGIN
  -- A lease that a crash forgets was of a poll whose answer is forgotten as well, so nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  due := ARRAY(SELECT p.request_id FROM live_poll p WHERE p.due_at <= now() AND (p.lease_until IS NULL OR p.lease_until <= now())
    ORDER BY p.due_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due = '{}' THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH taken AS (
    UPDATE live_poll p SET lease_token = token, lease_until = now() + lease WHERE p.request_id = ANY (due) RETURNING p.*
  )
  SELECT t.request_id, t.account_id, t.rid, t.type, t.failures, t.refusals, t.target, l.progress, l.status_text, l.waits,
    CASE WHEN l.waits IS NULL THEN (SELECT e.state FROM operation_end e WHERE e.request_id = t.request_id) END
  FROM taken t LEFT JOIN LATERAL (
    SELECT o.progress, o.status_text, o.lease_token IS NULL AND coalesce(o.awaits = 'poll', false) AS waits
    FROM live_operation o WHERE o.request_id = t.request_id LIMIT 1) l ON true;
END $$;
