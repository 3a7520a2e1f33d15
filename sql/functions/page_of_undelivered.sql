-- As page_of_operations, of those of which a callback has not been delivered: three ranges of indexes that are merged, so that a page
-- stops where it is full. Only those in flight are sorted, of which an installation has few.
CREATE OR REPLACE FUNCTION page_of_undelivered(
  account text, after bigint, most integer, of_state text, of_type text, created_after timestamptz, finished_after timestamptz
) RETURNS TABLE (request_id bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashagg = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT u.request_id FROM (
    SELECT DISTINCT n.request_id FROM (
      (SELECT u.operation_id AS request_id FROM undelivered u WHERE u.account_id = account AND u.operation_id > after ORDER BY u.account_id, u.operation_id)
      UNION ALL
      (SELECT d.operation_id FROM live_delivery d
       WHERE d.account_id = account AND d.operation_id > after AND d.phase IN ('scheduled', 'ready', 'paused') AND d.reason IS DISTINCT FROM 'acknowledged_by_poll'
       ORDER BY d.account_id, d.operation_id)
      UNION ALL
      (SELECT d.operation_id FROM live_delivery d
       WHERE d.account_id = account AND d.operation_id > after AND d.phase = 'placed' AND d.reason IS DISTINCT FROM 'acknowledged_by_poll'
       ORDER BY d.operation_id)
    ) n ORDER BY n.request_id
  ) u
  CROSS JOIN LATERAL (SELECT o.type, o.created_at FROM operation o WHERE o.request_id = u.request_id LIMIT 1) o
  LEFT JOIN LATERAL (SELECT e.state, e.finished_at FROM operation_end e WHERE e.request_id = u.request_id LIMIT 1) e ON true
  WHERE (of_state IS NULL OR e.state = of_state) AND (of_type IS NULL OR o.type = of_type)
    AND (created_after IS NULL OR o.created_at > created_after) AND (finished_after IS NULL OR e.finished_at > finished_after)
  ORDER BY u.request_id LIMIT most;
END $$;
