-- An account's deliveries after `after`, in the order of their numbers, as many as a page shows. Conditions that are null let all
-- through. Those of one operation are few; those that are Pending are found among the live rows, and sorted; all others in the
-- order of an index, so that a page reads no more than it takes to fill it.
CREATE OR REPLACE FUNCTION page_of_deliveries(
  account text, after bigint, most integer, of_state text, of_endpoint text, of_operation bigint, since timestamptz, until timestamptz
) RETURNS TABLE (home bigint, seq bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  IF of_operation IS NOT NULL THEN
    RETURN QUERY
    WITH own AS MATERIALIZED (SELECT d.* FROM delivery d WHERE d.home = of_operation AND d.operation_id = of_operation)
    SELECT d.home, d.seq FROM own d
    WHERE d.account_id = account AND d.seq > after
      AND (of_endpoint IS NULL OR d.endpoint_id = of_endpoint) AND (since IS NULL OR d.created_at >= since) AND (until IS NULL OR d.created_at < until)
      AND (of_state IS NULL OR of_state = coalesce((SELECT x.state FROM delivery_end x WHERE x.home = d.home AND x.seq = d.seq LIMIT 1), 'Pending'))
    ORDER BY d.seq LIMIT most;
  ELSIF of_state = 'Pending' THEN
    RETURN QUERY
    -- Without `after`, which would make the primary key look good: that has all accounts' in one order.
    WITH live AS MATERIALIZED (
      SELECT l.home, l.seq FROM live_delivery l WHERE of_endpoint IS NULL AND l.account_id = account AND l.phase IN ('scheduled', 'ready', 'paused')
      UNION ALL
      SELECT l.home, l.seq FROM live_delivery l WHERE of_endpoint IS NULL AND l.account_id = account AND l.phase = 'placed'
      UNION ALL
      SELECT l.home, l.seq FROM live_delivery l WHERE l.endpoint_id = of_endpoint AND l.account_id = account
    )
    SELECT l.home, l.seq FROM (SELECT * FROM live l WHERE l.seq > after ORDER BY l.seq OFFSET 0) l
    CROSS JOIN LATERAL (SELECT d.created_at FROM delivery d WHERE d.home = l.home AND d.seq = l.seq LIMIT 1) d
    WHERE (since IS NULL OR d.created_at >= since) AND (until IS NULL OR d.created_at < until)
    ORDER BY l.seq LIMIT most;
  ELSIF of_endpoint IS NOT NULL THEN
    RETURN QUERY
    SELECT d.home, d.seq FROM delivery d
    WHERE d.endpoint_id = of_endpoint AND d.account_id = account AND d.seq > after
      AND (since IS NULL OR d.created_at >= since) AND (until IS NULL OR d.created_at < until)
      AND (of_state IS NULL OR of_state = (SELECT x.state FROM delivery_end x WHERE x.home = d.home AND x.seq = d.seq LIMIT 1))
    ORDER BY d.endpoint_id, d.seq LIMIT most;
  ELSE
    RETURN QUERY
    SELECT d.home, d.seq FROM delivery d
    WHERE d.account_id = account AND d.seq > after
      AND (since IS NULL OR d.created_at >= since) AND (until IS NULL OR d.created_at < until)
      AND (of_state IS NULL OR of_state = (SELECT x.state FROM delivery_end x WHERE x.home = d.home AND x.seq = d.seq LIMIT 1))
    ORDER BY d.account_id, d.seq LIMIT most;
  END IF;
END $$;
