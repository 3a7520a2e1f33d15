-- As page_of_operations, of those that are Waiting or Executing. No index has an account's in the order of their numbers: the ready
-- ones come by priority, of which a request has few, and the placed ones are no more than the account has slots.
CREATE OR REPLACE FUNCTION page_of_live(account text, after bigint, most integer, of_state text, of_type text, created_after timestamptz)
RETURNS TABLE (request_id bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE level AS (
    (SELECT l.priority FROM live_operation l WHERE l.phase = 'ready' AND l.account_id = account ORDER BY l.account_id, l.priority DESC, l.request_id LIMIT 1)
    UNION ALL
    SELECT n.priority FROM level v CROSS JOIN LATERAL (
      SELECT l.priority FROM live_operation l WHERE l.phase = 'ready' AND l.account_id = account AND l.priority < v.priority
      ORDER BY l.account_id, l.priority DESC, l.request_id LIMIT 1
    ) n
  )
  (
    SELECT l.request_id FROM level v CROSS JOIN LATERAL (
      SELECT l.request_id FROM live_operation l
      WHERE l.phase = 'ready' AND l.account_id = account AND l.priority = v.priority AND l.request_id > after
        AND (of_type IS NULL OR l.type = of_type) AND (created_after IS NULL OR l.waits_since > created_after)
      ORDER BY l.account_id, l.priority DESC, l.request_id LIMIT most
    ) l WHERE of_state = 'Waiting'
    UNION ALL
    (SELECT l.request_id FROM live_operation l
     WHERE l.phase = 'scheduled' AND l.account_id = account AND l.request_id > after AND of_state = 'Waiting'
       AND (of_type IS NULL OR l.type = of_type) AND (created_after IS NULL OR l.waits_since > created_after)
     ORDER BY l.account_id, l.request_id LIMIT most)
    UNION ALL
    SELECT l.request_id FROM live_operation l
    WHERE l.phase = 'placed' AND l.account_id = account AND l.request_id > after AND (l.lease_token IS NULL) = (of_state = 'Waiting')
      AND (of_type IS NULL OR l.type = of_type) AND (created_after IS NULL OR l.waits_since > created_after)
  ) ORDER BY request_id LIMIT most;
END $$;
