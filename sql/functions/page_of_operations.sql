-- Numbers of an account's operations after `after`, in order, as many as a page shows. Conditions that are null let all through.
-- The settings leave only indexes that are walked in their order: a page reads no more than it takes to fill it.
CREATE OR REPLACE FUNCTION page_of_operations(
  account text, after bigint, most integer, of_state text, of_type text, created_after timestamptz, finished_after timestamptz
) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF of_state IN ('Waiting', 'Executing') THEN
    RETURN QUERY SELECT l.request_id FROM page_of_live(account, after, most, of_state, of_type, created_after) l
    WHERE finished_after IS NULL;
  ELSIF of_state IS NULL AND finished_after IS NULL THEN
    RETURN QUERY
    SELECT o.request_id FROM operation o
    WHERE o.account_id = account AND o.request_id > after AND (of_type IS NULL OR o.type = of_type) AND (created_after IS NULL OR o.created_at > created_after)
    ORDER BY o.account_id, o.request_id LIMIT most;
  ELSE
    RETURN QUERY
    SELECT o.request_id FROM operation o CROSS JOIN LATERAL (
      SELECT FROM operation_end e WHERE e.request_id = o.request_id
        AND (of_state IS NULL OR e.state = of_state) AND (finished_after IS NULL OR e.finished_at > finished_after) LIMIT 1
    ) e
    WHERE o.account_id = account AND o.request_id > after AND (of_type IS NULL OR o.type = of_type) AND (created_after IS NULL OR o.created_at > created_after)
    ORDER BY o.account_id, o.request_id LIMIT most;
  END IF;
END $$;
